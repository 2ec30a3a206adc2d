/* Loaded before a sanitizer into nbdkit: a freelocale that frees nothing.
 *
 * libp11-kit, which nbdkit has through GnuTLS, frees its locale when the
 * program exits.  The sanitizers' interceptors then wait for ever in a
 * printf that uses it.
 */

#include <locale.h>

void
freelocale (locale_t locale)
{
  (void) locale;
}

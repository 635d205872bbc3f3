/* assert, as in ISO C 7.2. May be included again, with NDEBUG or without. */
#ifdef __cplusplus
extern "C" {
#endif

/** Reports a failed assertion, and aborts. */
__attribute__((__noreturn__)) void bd0_assertion_failed(const char *condition, const char *file, int line,
                                                        const char *function);

#ifdef __cplusplus
}
#endif

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : bd0_assertion_failed(#condition, __FILE__, __LINE__, __func__))
#endif

#if !defined __cplusplus && !defined static_assert
#define static_assert _Static_assert
#endif

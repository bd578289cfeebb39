// Annotations that say what a lock guards. clang checks them (-Wthread-safety); other compilers ignore them.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#if defined(__clang__)
#define TRIPLINE_THREAD_ANNOTATION(attribute) __attribute__((attribute))
#else
#define TRIPLINE_THREAD_ANNOTATION(attribute)
#endif

// For classes: a lock, and an object that holds one from its constructor to its destructor.
#define CAPABILITY(name) TRIPLINE_THREAD_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY TRIPLINE_THREAD_ANNOTATION(scoped_lockable)

// For data: used only while that lock is held.
#define GUARDED_BY(lock) TRIPLINE_THREAD_ANNOTATION(guarded_by(lock))

// For functions: the caller must hold the lock; must not hold it; the function takes it; releases it; asserts it is
// held.
#define REQUIRES(...) TRIPLINE_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) TRIPLINE_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) TRIPLINE_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) TRIPLINE_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define ASSERT_CAPABILITY(...) TRIPLINE_THREAD_ANNOTATION(assert_capability(__VA_ARGS__))
#define RETURN_CAPABILITY(lock) TRIPLINE_THREAD_ANNOTATION(lock_returned(lock))

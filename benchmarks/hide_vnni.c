/* Hides AVX512, VNNI and AMX from the programs that it is preloaded into, so that kernels for AVX2 alone can be
   measured at full speed on a newer processor. Linux makes CPUID fault (arch_prctl), and the handler answers with
   those bits cleared. Needs a processor with the flag cpuid_fault. scripts/bench --hide-vnni builds and preloads it.

   The C library has chosen its own routines (memcpy) before; /proc/cpuinfo still names the features. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#define ARCH_CPUID_SET 0x1012

static struct sigaction before;

static void on_fault(int number, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
  unsigned char *at = (unsigned char *)r[REG_RIP];
  if (at[0] != 0x0f || at[1] != 0xa2) { /* a real fault: for the handler of before, or the default */
    sigaction(SIGSEGV, &before, NULL);
    return;
  }
  unsigned leaf = r[REG_RAX], sub = r[REG_RCX], a, b, c, d;
  syscall(SYS_arch_prctl, ARCH_CPUID_SET, 1);
  __cpuid_count(leaf, sub, a, b, c, d);
  syscall(SYS_arch_prctl, ARCH_CPUID_SET, 0);
  if (leaf == 7 && sub == 0) {
    b &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31);
    c &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
    d &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);
  } else if (leaf == 7 && sub == 1) {
    a &= ~(1u << 4 | 1u << 5 | 1u << 21 | 1u << 23);
    d &= ~(1u << 4 | 1u << 5 | 1u << 8 | 1u << 10);
  }
  r[REG_RAX] = a; r[REG_RBX] = b; r[REG_RCX] = c; r[REG_RDX] = d;
  r[REG_RIP] += 2;
}

__attribute__((constructor(101))) static void hide(void) {
  struct sigaction action = {0};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &before);
  if (syscall(SYS_arch_prctl, ARCH_CPUID_SET, 0)) {
    static const char message[] = "hide_vnni: this processor or kernel cannot make CPUID fault\n";
    if (write(2, message, sizeof message - 1)) _exit(99);
    _exit(99);
  }
}

# Waits for TERM or INT and ends with 0. The only program of the sandbox's image, as process 1 of its container. Process 1 of a namespace does
# not end by a signal's default action: hence it blocks both signals and waits for one of them. Linux, x86-64, with the ELF header written out,
# as one loadable segment. build.sh takes the bytes from pause.hex, so that no assembler is needed to build the image. By hand:
#
#   as pause.S -o pause.o && ld -N --oformat binary -Ttext 0x400000 pause.o -o pause && xxd -p pause >pause.hex
#
# Ends with 1 when the kernel refuses either call.

        .equ    base, 0x400000
        .equ    EINTR, 4

        .text
        .globl  _start

        .byte   0x7f, 'E', 'L', 'F', 2, 1, 1, 0
        .quad   0
        .short  2, 62                           # executable, x86-64
        .long   1
        .quad   _start
        .quad   64                              # program header follows this one
        .quad   0
        .long   0
        .short  64, 56, 1, 0, 0, 0

        .long   1, 5                            # load; read, execute
        .quad   0, base, base
        .quad   end - base
        .quad   end - base
        .quad   0x1000

_start: xor     %edi, %edi                      # rt_sigprocmask(SIG_BLOCK, signals, 0, 8)
        mov     $signals, %esi
        xor     %edx, %edx
        mov     $8, %r10d
        mov     $14, %eax
        syscall
        test    %rax, %rax
        js      failed

next:   mov     $signals, %edi                  # rt_sigtimedwait(signals, 0, 0, 8): the signal, or -EINTR when it was stopped and goes on
        xor     %esi, %esi
        xor     %edx, %edx
        mov     $8, %r10d
        mov     $128, %eax
        syscall
        cmp     $-EINTR, %rax
        je      next
        test    %rax, %rax
        js      failed

        xor     %edi, %edi                      # exit(0)
        jmp     leave

failed: mov     $1, %edi
leave:  mov     $60, %eax
        syscall

signals:
        .quad   1 << (2 - 1) | 1 << (15 - 1)    # INT, TERM
end:

# Answers every datagram on UDP port 32263 with what it reads from standard input when it starts (at most 512 bytes).
# busybox-static has no program that listens on UDP, and the demo's image holds nothing but busybox-static: hence these few
# system calls, with the ELF header written out, as one loadable segment. Linux, x86-64. build.sh takes the bytes from
# udp-answer.hex, so that no assembler is needed to build the image; a test assembles this file and compares. By hand:
#
#   as udp-answer.S -o udp-answer.o && ld -N --oformat binary -Ttext 0x400000 udp-answer.o -o udp-answer && xxd -p udp-answer
#
# Ends with 1 when it cannot open or bind its socket.

        .equ    base, 0x400000
        .equ    answer, 0x400000 + 0x1000       # 512 bytes; what lies behind the file is zero
        .equ    peer, answer + 0x200            # struct sockaddr_in of whoever asked
        .equ    peer_size, peer + 0x10
        .equ    question, peer_size + 0x10      # one byte of it is enough: the rest of a datagram is dropped

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

        .long   1, 7                            # load; read, write, execute
        .quad   0, base, base
        .quad   end - base
        .quad   0x2000
        .quad   0x1000

_start: xor     %edi, %edi                      # r12 = read(0, answer, 512)
        mov     $answer, %esi
        mov     $512, %edx
        xor     %eax, %eax
        syscall
        mov     %rax, %r12

        mov     $41, %eax                       # r13 = socket(AF_INET, SOCK_DGRAM, 0)
        mov     $2, %edi
        mov     $2, %esi
        xor     %edx, %edx
        syscall
        test    %eax, %eax
        js      failed
        mov     %eax, %r13d

        mov     %eax, %edi                      # bind(r13, 0.0.0.0:32263)
        mov     $address, %esi
        mov     $16, %edx
        mov     $49, %eax
        syscall
        test    %eax, %eax
        js      failed

next:   movl    $16, peer_size                  # recvfrom(r13, question, 1, 0, peer, &peer_size)
        mov     %r13d, %edi
        mov     $question, %esi
        mov     $1, %edx
        xor     %r10d, %r10d
        mov     $peer, %r8d
        mov     $peer_size, %r9d
        mov     $45, %eax
        syscall
        test    %rax, %rax
        js      next

        mov     %r13d, %edi                     # sendto(r13, answer, r12, 0, peer, 16)
        mov     $answer, %esi
        mov     %r12, %rdx
        xor     %r10d, %r10d
        mov     $peer, %r8d
        mov     $16, %r9d
        mov     $44, %eax
        syscall
        jmp     next

failed: mov     $1, %edi
        mov     $60, %eax
        syscall

address:
        .short  2                               # AF_INET
        .byte   0x7e, 0x07                      # 32263 in network order
        .long   0
        .quad   0
end:

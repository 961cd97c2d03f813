# A boot sector: loads the payload that follows it, turns on 64 bits and AVX-512, and calls payload_main. Nothing else runs.
        .code16
        .globl _start
_start: cli
        xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        movb %dl, drive
        movw $PAYLOAD_CHUNKS, %cx
1:      pushw %cx                       # 32 KiB a call, from linear address 0x10000 up
        movb $0x42, %ah
        movb drive, %dl
        movw $packet, %si
        int $0x13
        jc fail
        addw $0x800, packet + 6         # segment
        addl $64, packet + 8            # first sector
        popw %cx
        loop 1b

        movw $0x1000, %di               # PML4 at 0x1000, PDPT at 0x2000, PD at 0x3000: the first GiB as it lies
        xorl %eax, %eax
        movw $0xc00, %cx
        rep stosl
        movl $0x2003, 0x1000
        movl $0x3003, 0x2000
        movw $0x3000, %di
        movl $0x83, %eax
        movw $512, %cx
2:      movl %eax, (%di)
        addl $0x200000, %eax
        addw $8, %di
        loop 2b

        movl $0x40620, %eax             # PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
        movl %eax, %cr4
        movl $0x1000, %eax
        movl %eax, %cr3
        movl $0xc0000080, %ecx          # EFER.LME
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl $0x80000003, %eax          # PG, MP, PE
        movl %eax, %cr0
        lgdt gdt_at
        ljmp $8, $long_mode
fail:   hlt
        jmp fail

        .code64
long_mode:
        xorl %ecx, %ecx
        xorl %edx, %edx
        movl $0xe7, %eax                # XCR0: x87, SSE, AVX, opmask, ZMM
        xsetbv
        movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x90000, %esp
        movl $0x10000, %eax
        jmp *%rax

        .balign 8
gdt:    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_at: .word 23
        .long gdt
packet: .byte 16, 0
        .word 64, 0, 0x1000
        .quad 1
drive:  .byte 0
        .org 510
        .word 0xaa55

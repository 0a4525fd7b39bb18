namespace HostService.Tests.Support;

/// <summary>A static x86-64 program that makes one system call and exits with its error number, or with 0.</summary>
public static class SystemCallProgram
{
    public const int BpfNumber = 321;
    public const int KeyctlNumber = 250;
    public const int PtraceNumber = 101;

    /// <summary><c>EPERM</c>: what a seccomp profile, or the kernel, refuses.</summary>
    public const int NotPermitted = 1;

    private const ulong Address = 0x400000;
    private const int HeaderBytes = 64 + 56;

    /// <summary>The ELF file, with up to two arguments of the call.</summary>
    public static byte[] Build(int number, int first = 0, int second = 0)
    {
        byte[] code =
        [
            0xB8, .. BitConverter.GetBytes(number),     // mov eax, number
            0xBF, .. BitConverter.GetBytes(first),      // mov edi, first
            0xBE, .. BitConverter.GetBytes(second),     // mov esi, second
            0x31, 0xD2,                                 // xor edx, edx
            0x4D, 0x31, 0xD2,                           // xor r10, r10
            0x0F, 0x05,                                 // syscall
            0x31, 0xFF,                                 // xor edi, edi
            0x48, 0x85, 0xC0,                           // test rax, rax
            0x79, 0x04,                                 // jns exit
            0xF7, 0xD8,                                 // neg eax
            0x89, 0xC7,                                 // mov edi, eax
            0xB8, 0x3C, 0, 0, 0,                        // exit: mov eax, 60
            0x0F, 0x05,                                 // syscall
        ];
        var size = (ulong)(HeaderBytes + code.Length);
        using var file = new MemoryStream();
        using var write = new BinaryWriter(file);
        write.Write([0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

        // Type, machine, version, entry, program headers, section headers, flags, sizes.
        write.Write((ushort)2);
        write.Write((ushort)62);
        write.Write(1u);
        write.Write(Address + HeaderBytes);
        write.Write(64UL);
        write.Write(0UL);
        write.Write(0u);
        Array.ForEach<ushort>([64, 56, 1, 0, 0, 0], write.Write);

        // One segment: loaded, readable and executable.
        write.Write(1u);
        write.Write(5u);
        Array.ForEach<ulong>([0, Address, Address, size, size, 0x1000], write.Write);
        write.Write(code);
        return file.ToArray();
    }
}

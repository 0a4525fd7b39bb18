using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Storage.UserConfigs.Archive;

/// <summary>The frame API of <c>liblz4.so.1</c> (Debian: liblz4-1), one to one.</summary>
internal static partial class Lz4
{
    private const string Library = "liblz4.so.1";

    /// <summary>LZ4F_VERSION: the ABI's version, not the library's.</summary>
    public const uint AbiVersion = 100;

    [LibraryImport(Library, EntryPoint = "LZ4F_createCompressionContext")]
    public static partial nuint CreateCompressor(out CompressorHandle context, uint version);

    [LibraryImport(Library, EntryPoint = "LZ4F_freeCompressionContext")]
    public static partial nuint FreeCompressor(nint context);

    [LibraryImport(Library, EntryPoint = "LZ4F_compressBound")]
    public static partial nuint CompressBound(nuint sourceSize, in Preferences preferences);

    [LibraryImport(Library, EntryPoint = "LZ4F_compressBegin")]
    public static partial nuint CompressBegin(CompressorHandle context, Span<byte> destination, nuint capacity, in Preferences preferences);

    [LibraryImport(Library, EntryPoint = "LZ4F_compressUpdate")]
    public static partial nuint CompressUpdate(
        CompressorHandle context, Span<byte> destination, nuint capacity, ReadOnlySpan<byte> source, nuint size, nint options);

    [LibraryImport(Library, EntryPoint = "LZ4F_compressEnd")]
    public static partial nuint CompressEnd(CompressorHandle context, Span<byte> destination, nuint capacity, nint options);

    [LibraryImport(Library, EntryPoint = "LZ4F_createDecompressionContext")]
    public static partial nuint CreateDecompressor(out DecompressorHandle context, uint version);

    [LibraryImport(Library, EntryPoint = "LZ4F_freeDecompressionContext")]
    public static partial nuint FreeDecompressor(nint context);

    [LibraryImport(Library, EntryPoint = "LZ4F_decompress")]
    public static partial nuint Decompress(
        DecompressorHandle context, Span<byte> destination, ref nuint destinationSize, ReadOnlySpan<byte> source, ref nuint sourceSize, nint options);

    [LibraryImport(Library, EntryPoint = "LZ4F_isError")]
    public static partial uint IsError(nuint code);

    [LibraryImport(Library, EntryPoint = "LZ4F_getErrorName")]
    public static partial nint ErrorName(nuint code);

    /// <summary>The code itself, or what the library calls the error that it is.</summary>
    public static nuint Check(nuint code) => IsError(code) == 0
        ? code
        : throw new InvalidDataException("LZ4: " + Marshal.PtrToStringUTF8(ErrorName(code)));

    /// <summary>LZ4F_preferences_t; what is not named here stays at the library's default, zero.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Preferences
    {
        /// <summary>5: blocks of 256 KiB.</summary>
        public int BlockSize;
        public int BlockMode;

        /// <summary>1: a checksum of the whole content at the frame's end.</summary>
        public int ContentChecksum;
        public int FrameType;
        public ulong ContentSize;
        public uint DictionaryId;
        public int BlockChecksum;
        public int CompressionLevel;
        public uint AutoFlush;
        public uint FavorDecompressionSpeed;
        public uint Reserved0;
        public uint Reserved1;
        public uint Reserved2;
    }

    internal sealed class CompressorHandle() : SafeHandle(0, ownsHandle: true)
    {
        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle() => IsError(FreeCompressor(handle)) == 0;
    }

    internal sealed class DecompressorHandle() : SafeHandle(0, ownsHandle: true)
    {
        public override bool IsInvalid => handle == 0;

        // The answer is the bytes that were still expected, not an error: a frame may be given up half way.
        protected override bool ReleaseHandle() => IsError(FreeDecompressor(handle)) == 0;
    }
}

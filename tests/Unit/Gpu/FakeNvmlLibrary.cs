using System.Diagnostics;
using System.Runtime.InteropServices;
using HostService.Infrastructure.Gpu;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Gpu;

/// <summary>A copy of the fake NVML library, compiled once per run with <c>cc</c>; every copy has GPUs of its own.</summary>
internal sealed unsafe class FakeNvmlLibrary : IDisposable
{
    public const string Compiler = "cc";
    public const ulong XidEvent = 8;

    private static readonly Lazy<string> Current = new(() => Compile(""));
    private static readonly Lazy<string> Old = new(() => Compile("-DOLD_DRIVER"));

    private readonly nint _library;

    public FakeNvmlLibrary(int gpus, bool oldDriver = false)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"fake-nvml-{Guid.NewGuid():n}.so");
        File.Copy(oldDriver ? Old.Value : Current.Value, Path);
        _library = NativeLibrary.Load(Path);
        ((delegate* unmanaged<uint, void>)NativeLibrary.GetExport(_library, "fake_set_gpus"))((uint)gpus);
    }

    public string Path { get; }

    /// <summary>How often NVML is open.</summary>
    public int Open => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_open"))();

    public int EventSets => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "fake_event_sets"))();

    public NvmlGpuInventory Inventory(TimeProvider? clock = null) => new(Path, TimeSpan.FromMinutes(1), clock ?? TimeProvider.System);

    public void Answer(string function, int result, int gpu = -1)
    {
        var name = Marshal.StringToCoTaskMemUTF8(function);
        ((delegate* unmanaged<nint, int, int, void>)NativeLibrary.GetExport(_library, "fake_answer"))(name, gpu, result);
        Marshal.FreeCoTaskMem(name);
    }

    public uint Calls(string function)
    {
        var name = Marshal.StringToCoTaskMemUTF8(function);
        var times = ((delegate* unmanaged<nint, uint>)NativeLibrary.GetExport(_library, "fake_calls"))(name);
        Marshal.FreeCoTaskMem(name);
        return times;
    }

    public void Xid(int gpu, int xid, ulong eventType = XidEvent) =>
        ((delegate* unmanaged<int, ulong, ulong, void>)NativeLibrary.GetExport(_library, "fake_event"))(gpu, eventType, (ulong)xid);

    public void Remove(int index) => ((delegate* unmanaged<uint, void>)NativeLibrary.GetExport(_library, "fake_remove_gpu"))((uint)index);

    public void SetFreeMemory(int gpu, long bytes) =>
        ((delegate* unmanaged<uint, ulong, void>)NativeLibrary.GetExport(_library, "fake_set_free_memory"))((uint)gpu, (ulong)bytes);

    public void Dispose()
    {
        NativeLibrary.Free(_library);
        File.Delete(Path);
    }

    private static string Compile(string flag)
    {
        var source = System.IO.Path.Combine(AppContext.BaseDirectory, "Gpu", "fake_nvml.c");
        var directory = Directory.CreateTempSubdirectory("fake-nvml-");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => directory.Delete(recursive: true);
        var output = System.IO.Path.Combine(directory.FullName, "libnvidia-ml.so.1");
        string[] arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-pthread", "-o", output, source, .. flag.Length > 0 ? [flag] : Array.Empty<string>()];
        using var compiler = Process.Start(
            new ProcessStartInfo(Needs.Program(Compiler)!, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        var errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        Assert.True(compiler.ExitCode == 0, errors);
        return output;
    }
}

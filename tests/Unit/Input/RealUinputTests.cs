using System.Runtime.InteropServices;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Linux.Libc;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Unit.Input;

/// <summary>Against the kernel's own uinput, where this machine has one and we may use it.</summary>
public sealed partial class RealUinputTests : IDisposable
{
    private const ushort KeyA = 30;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mandelbox");

    [NeedsFact("/dev/uinput")]
    public async Task What_a_client_writes_arrives_at_the_device_nodes_and_the_devices_go_with_the_mandelbox()
    {
        var options = new InputOptions();
        var devices = new UinputInputDevices(
            new UinputKernel(), new FakeDescriptorStore(), Options.Create(options), TimeProvider.System, NullLogger<UinputInputDevices>.Instance);
        Assert.Null(devices.Unavailable);
        var path = Path.Combine(_directory.FullName, "uinput.sock");
        var set = await devices.CreateAsync("m1", path, default);
        using var client = new DescriptorClient(path);
        var (_, files) = client.Receive();
        var names = set.DeviceNodes.Select(n => File.ReadAllText($"/sys/class/input/{Path.GetFileName(n)}/device/name").Trim());
        Assert.Equal(["Fractal Virtual Absolute Input", "Fractal Virtual Relative Input", "Fractal Virtual Keyboard"], names);

        using (var absolute = FileCalls.Open(set.DeviceNodes[0], FileCalls.ReadWrite))
        using (var relative = FileCalls.Open(set.DeviceNodes[1], FileCalls.ReadWrite))
        using (var keyboard = FileCalls.Open(set.DeviceNodes[2], FileCalls.ReadWrite))
        {
            Write(files[0], (Uinput.EvAbs, Uinput.AbsX, 0xFFF), (Uinput.EvAbs, Uinput.AbsY, 567), (0, 0, 0));
            Write(files[1], (Uinput.EvRel, Uinput.RelX, -5), (Uinput.EvKey, Uinput.ButtonLeft, 1), (0, 0, 0));
            Write(files[2], (Uinput.EvKey, KeyA, 1), (0, 0, 0));

            Assert.Equal([(Uinput.EvAbs, Uinput.AbsX, 0xFFF), (Uinput.EvAbs, Uinput.AbsY, 567), (0, 0, 0)], Read(absolute, 3));
            Assert.Equal([(Uinput.EvRel, Uinput.RelX, -5), (Uinput.EvKey, Uinput.ButtonLeft, 1), (0, 0, 0)], Read(relative, 3));
            Assert.Equal([(Uinput.EvKey, KeyA, 1), (0, 0, 0)], Read(keyboard, 2));
        }

        // The client still holds its copies: the devices go all the same.
        await set.DisposeAsync();
        Assert.All(set.DeviceNodes, n => Assert.False(Path.Exists(n)));
    }

    [NeedsFact("/dev/uinput")]
    public async Task The_kernel_announces_what_B13_says()
    {
        var devices = new UinputInputDevices(
            new UinputKernel(), new FakeDescriptorStore(), Options.Create(new InputOptions()), TimeProvider.System, NullLogger<UinputInputDevices>.Instance);
        await using var set = await devices.CreateAsync("m1", Path.Combine(_directory.FullName, "uinput.sock"), default);
        using var absolute = FileCalls.Open(set.DeviceNodes[0], FileCalls.ReadWrite);
        using var relative = FileCalls.Open(set.DeviceNodes[1], FileCalls.ReadWrite);
        using var keyboard = FileCalls.Open(set.DeviceNodes[2], FileCalls.ReadWrite);

        Assert.Equal([0x140, 0x14a, 0x14b], Bits(absolute, Uinput.EvKey));
        Assert.Equal([0, 1], Bits(absolute, Uinput.EvAbs));
        Assert.Equal([Uinput.PropPointer], SetBits(absolute, Request(0x09, 4), 4));
        Assert.Equal([0x110, 0x111, 0x112, 0x113, 0x114], Bits(relative, Uinput.EvKey));
        Assert.Equal([0, 1, 6, 8, 0xb, 0xc], Bits(relative, Uinput.EvRel));

        // The kernel never announces code 0, which is reserved.
        Assert.Equal(Enumerable.Range(1, 0x2fe), Bits(keyboard, Uinput.EvKey));
        Assert.Equal(
            [(3, 0xf4c1, 0x1124, 1), (3, 0xf4c1, 0x1123, 1), (3, 0xf4c1, 0x1122, 1)], new[] { absolute, relative, keyboard }.Select(
                Identity));
    }

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary><c>EVIOCGBIT</c>: the codes that a device announces.</summary>
    private static List<int> Bits(SafeFileHandle node, int eventType) => SetBits(node, Request(0x20 + (uint)eventType, 96), 96);

    /// <summary><c>EVIOCGID</c>.</summary>
    private static (int Bus, int Vendor, int Product, int Version) Identity(SafeFileHandle node)
    {
        var id = new byte[8];
        DeviceCalls.Control(node, Request(0x02, id.Length), id);
        var fields = MemoryMarshal.Cast<byte, ushort>(id);
        return (fields[0], fields[1], fields[2], fields[3]);
    }

    private static List<int> SetBits(SafeFileHandle node, uint request, int size)
    {
        var bits = new byte[size];
        DeviceCalls.Control(node, request, bits);
        return [.. Enumerable.Range(0, size * 8).Where(b => (bits[b / 8] >> (b % 8) & 1) == 1)];
    }

    /// <summary><c>_IOC(_IOC_READ, 'E', …)</c>.</summary>
    private static uint Request(uint number, int size) => (2u << 30) | ((uint)size << 16) | ('E' << 8) | number;

    private static unsafe void Write(SafeFileHandle file, params (int Type, int Code, int Value)[] events)
    {
        foreach (var (type, code, value) in events)
        {
            var written = new InputEvent { Type = (ushort)type, Code = (ushort)code, Value = value };
            Assert.Equal(sizeof(InputEvent), WriteFile(file, &written, sizeof(InputEvent)));
        }
    }

    private static unsafe List<(int Type, int Code, int Value)> Read(SafeFileHandle node, int count)
    {
        var events = new List<(int, int, int)>();
        while (events.Count < count)
        {
            InputEvent read;
            Assert.Equal(sizeof(InputEvent), ReadFile(node, &read, sizeof(InputEvent)));
            events.Add((read.Type, read.Code, read.Value));
        }

        return events;
    }

    // A device has no positions, which .NET's own reads and writes would ask for.
    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint WriteFile(SafeFileHandle file, void* data, nint length);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint ReadFile(SafeFileHandle file, void* data, nint length);

    /// <summary><c>struct input_event</c> on a 64-bit machine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InputEvent
    {
        public long Seconds;
        public long Microseconds;
        public ushort Type;
        public ushort Code;
        public int Value;
    }
}

using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using HostService.Infrastructure.Input;
using Microsoft.Win32.SafeHandles;

namespace HostService.Tests.Unit.Input;

/// <summary>
/// A kernel that writes down what it is told, shows devices as files below a directory, and can refuse any one call.
/// </summary>
internal sealed class FakeUinputKernel : IUinputKernel, IDisposable
{
    private const int OperationNotPermitted = 1;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("uinput");
    private readonly List<(SafeFileHandle File, int Number)> _files = [];
    private readonly HashSet<int> _devices = [];

    public FakeUinputKernel()
    {
        Options = new InputOptions
        {
            DevicePath = Path.Combine(_root.FullName, "uinput"),
            SysRoot = Path.Combine(_root.FullName, "sys"),
            NodeRoot = Path.Combine(_root.FullName, "dev"),
        };
        File.WriteAllText(Options.DevicePath, "");
        Directory.CreateDirectory(Options.SysRoot);
        Directory.CreateDirectory(Options.NodeRoot);
    }

    public InputOptions Options { get; }

    /// <summary>Every call, in order: <c>2 UI_SET_KEYBIT 30</c> is the third open file's.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>The call of this number (from 1) is refused; 0 for none.</summary>
    public int RefusedCall { get; set; }

    /// <summary>Calls of this name are refused from now on.</summary>
    public string? RefusedName { get; set; }

    public bool MakesEventDevices { get; set; } = true;

    public bool MakesNodes { get; set; } = true;

    /// <summary>Devices that exist.</summary>
    public int Devices => _devices.Count;

    public int OpenFiles => _files.Count(f => !f.File.IsClosed);

    public SafeFileHandle Open(string path)
    {
        Record(_files.Count, "open");
        var file = File.OpenHandle(
            Path.Combine(_root.FullName, $"file{_files.Count}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.Write(file, Encoding.UTF8.GetBytes($"device {_files.Count}"), 0);
        _files.Add((file, _files.Count));
        return file;
    }

    public void Control(SafeFileHandle file, uint request, int argument)
    {
        var number = Number(file);
        var takesNumber = request is not (Uinput.DevCreate or Uinput.DevDestroy);
        Record(number, takesNumber ? $"{Uinput.NameOf(request)} {argument}" : Uinput.NameOf(request));
        if (request == Uinput.DevCreate)
        {
            _devices.Add(number);
            if (MakesEventDevices)
            {
                Directory.CreateDirectory(Path.Combine(Options.SysRoot, $"input{number}", $"event{number + 20}"));
            }

            if (MakesNodes)
            {
                MakeNode(number);
            }
        }
        else if (request == Uinput.DevDestroy)
        {
            Assert.True(_devices.Remove(number));
        }
    }

    public void Control(SafeFileHandle file, uint request, Span<byte> argument)
    {
        var number = Number(file);
        Record(number, request switch
        {
            Uinput.DevSetup => $"UI_DEV_SETUP {Setup(argument)}",
            Uinput.AbsSetup => $"UI_ABS_SETUP {Axis(argument)}",
            _ => Uinput.NameOf(request),
        });
        if (request == Uinput.GetSysname)
        {
            Encoding.UTF8.GetBytes($"input{number}", argument);
        }
    }

    public void MakeNode(int number) => File.WriteAllText(Path.Combine(Options.NodeRoot, $"event{number + 20}"), "");

    public void Dispose() => _root.Delete(recursive: true);

    private static string Setup(ReadOnlySpan<byte> setup)
    {
        Assert.Equal(92, setup.Length);
        var id = MemoryMarshal.Cast<byte, ushort>(setup[..8]);
        var name = setup[8..88];
        return $"bus {id[0]} {id[1]:x}:{id[2]:x} v{id[3]} '{Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)])}'";
    }

    private static string Axis(ReadOnlySpan<byte> setup)
    {
        Assert.Equal(28, setup.Length);
        var info = MemoryMarshal.Cast<byte, int>(setup[4..]);
        Assert.Equal([0, 0, 0], [info[0], info[3], info[4]]);
        return $"{MemoryMarshal.Read<ushort>(setup)} {info[1]}..{info[2]}";
    }

    private int Number(SafeFileHandle file)
    {
        Assert.False(file.IsClosed);
        return _files.First(f => ReferenceEquals(f.File, file)).Number;
    }

    private void Record(int number, string call)
    {
        Calls.Add($"{number} {call}");
        if (Calls.Count == RefusedCall || (RefusedName is not null && call.StartsWith(RefusedName, StringComparison.Ordinal)))
        {
            throw new Win32Exception(OperationNotPermitted);
        }
    }
}

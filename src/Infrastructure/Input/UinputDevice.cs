using System.ComponentModel;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

internal sealed class UinputDevice(IUinputKernel kernel, VirtualDevice description, SafeFileHandle file)
{
    private bool _created;

    public SafeFileHandle File => file;

    /// <summary>The kernel's name for it, for example <c>input12</c>.</summary>
    public string Sysname { get; private set; } = "";

    /// <summary>Makes the device; otherwise removes what it made and throws <see cref="InputDeviceException"/>.</summary>
    public static UinputDevice Create(IUinputKernel kernel, string uinputPath, VirtualDevice description)
    {
        SafeFileHandle file;
        try
        {
            file = kernel.Open(uinputPath);
        }
        catch (Win32Exception e)
        {
            throw new InputDeviceException($"'{description.Name}' could not be made: {uinputPath} cannot be opened: {e.Message}", e);
        }

        var device = new UinputDevice(kernel, description, file);
        try
        {
            device.Announce();
            device.Control(Uinput.DevCreate, 0);
            device._created = true;
            device.Sysname = device.ReadSysname();
            return device;
        }
        catch (InputDeviceException e)
        {
            throw device.Remove() is { } failure ? new InputDeviceException($"{e.Message}; {failure}", e) : e;
        }
    }

    /// <summary>The device of an earlier run. Where it is none, closes the file and throws <see cref="InputDeviceException"/>.</summary>
    public static UinputDevice TakeOver(IUinputKernel kernel, VirtualDevice description, SafeFileHandle file)
    {
        var device = new UinputDevice(kernel, description, file) { _created = true };
        try
        {
            device.Sysname = device.ReadSysname();
            return device;
        }
        catch (InputDeviceException)
        {
            device.Remove();
            throw;
        }
    }

    /// <summary>Removes the device, even while a program has it open, and closes it. May be repeated. Null, or what failed.</summary>
    public string? Remove()
    {
        try
        {
            if (_created)
            {
                _created = false;
                kernel.Control(file, Uinput.DevDestroy, 0);
            }

            return null;
        }
        catch (Win32Exception e)
        {
            return $"'{description.Name}' ({Sysname}) could not be removed: {e.Message}";
        }
        finally
        {
            file.Dispose();
        }
    }

    private void Announce()
    {
        Bits(Uinput.EvKey, Uinput.SetKeyBit, description.Keys);
        Bits(Uinput.EvRel, Uinput.SetRelBit, description.RelativeAxes);
        Bits(Uinput.EvAbs, Uinput.SetAbsBit, description.AbsoluteAxes);
        if (description.IsPointer)
        {
            Control(Uinput.SetPropBit, Uinput.PropPointer);
        }

        Control(Uinput.DevSetup, Uinput.Setup(description));
        foreach (var axis in description.AbsoluteAxes)
        {
            Control(Uinput.AbsSetup, Uinput.AxisSetup(axis, 0, VirtualDevice.AbsoluteMaximum));
        }
    }

    private void Bits(int eventType, uint request, IReadOnlyList<int> codes)
    {
        if (codes.Count > 0)
        {
            Control(Uinput.SetEvBit, eventType);
            foreach (var code in codes)
            {
                Control(request, code);
            }
        }
    }

    private string ReadSysname()
    {
        var name = new byte[Uinput.SysnameSize];
        Control(Uinput.GetSysname, name);
        return Encoding.UTF8.GetString(name.AsSpan(0, Math.Max(0, Array.IndexOf(name, (byte)0))));
    }

    private void Control(uint request, int argument) => Attempt(request, () => kernel.Control(file, request, argument));

    private void Control(uint request, byte[] argument) => Attempt(request, () => kernel.Control(file, request, argument));

    private void Attempt(uint request, Action call)
    {
        try
        {
            call();
        }
        catch (Win32Exception e)
        {
            throw new InputDeviceException(
                $"'{description.Name}' is not usable: the kernel refused {Uinput.NameOf(request)}: {e.Message}", e);
        }
    }
}

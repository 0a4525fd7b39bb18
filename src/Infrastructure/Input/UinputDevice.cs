using System.ComponentModel;
using System.Text;
using HostService.Infrastructure.Input.Native;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Input;

/// <summary>One virtual device in the kernel.</summary>
internal sealed class UinputDevice
{
    private readonly IUinputKernel _kernel;
    private readonly VirtualDevice _what;
    private bool _created;

    private UinputDevice(IUinputKernel kernel, VirtualDevice what, SafeFileHandle file)
    {
        _kernel = kernel;
        _what = what;
        File = file;
    }

    public SafeFileHandle File { get; }

    /// <summary>The kernel's name for it, for example <c>input12</c>.</summary>
    public string Sysname { get; private set; } = "";

    /// <summary>Makes the device, or leaves nothing behind and throws <see cref="InputDeviceException"/>.</summary>
    public static UinputDevice Create(IUinputKernel kernel, string uinputPath, VirtualDevice what)
    {
        SafeFileHandle file;
        try
        {
            file = kernel.Open(uinputPath);
        }
        catch (Win32Exception e)
        {
            throw new InputDeviceException($"'{what.Name}' could not be made: {uinputPath} cannot be opened: {e.Message}", e);
        }

        var device = new UinputDevice(kernel, what, file);
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
            throw device.Remove() is { } also ? new InputDeviceException($"{e.Message}; {also}", e) : e;
        }
    }

    /// <summary>
    /// Removes the device, also where a program in the mandelbox still has it open, and closes it. May be repeated. Null, or what went wrong.
    /// </summary>
    public string? Remove()
    {
        try
        {
            if (_created)
            {
                _created = false;
                _kernel.Control(File, Uinput.DevDestroy, 0);
            }

            return null;
        }
        catch (Win32Exception e)
        {
            return $"'{_what.Name}' ({Sysname}) could not be removed: {e.Message}";
        }
        finally
        {
            File.Dispose();
        }
    }

    private void Announce()
    {
        Bits(Uinput.EvKey, Uinput.SetKeyBit, _what.Keys);
        Bits(Uinput.EvRel, Uinput.SetRelBit, _what.RelativeAxes);
        Bits(Uinput.EvAbs, Uinput.SetAbsBit, _what.AbsoluteAxes);
        if (_what.IsPointer)
        {
            Control(Uinput.SetPropBit, Uinput.PropPointer);
        }

        Control(Uinput.DevSetup, Uinput.Setup(_what));
        foreach (var axis in _what.AbsoluteAxes)
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

    private void Control(uint request, int argument)
    {
        try
        {
            _kernel.Control(File, request, argument);
        }
        catch (Win32Exception e)
        {
            throw Refused(request, e);
        }
    }

    private void Control(uint request, byte[] argument)
    {
        try
        {
            _kernel.Control(File, request, argument);
        }
        catch (Win32Exception e)
        {
            throw Refused(request, e);
        }
    }

    private InputDeviceException Refused(uint request, Win32Exception why) =>
        new($"'{_what.Name}' could not be made: the kernel refused {Uinput.NameOf(request)}: {why.Message}", why);
}

using System.Runtime.InteropServices;
using System.Text;

namespace HostService.Infrastructure.Input;

/// <summary>Requests and structures of <c>linux/uinput.h</c>, and codes of <c>linux/input-event-codes.h</c>.</summary>
internal static class Uinput
{
    public const int NameSize = 80;
    public const int SysnameSize = 64;

    public const uint DevCreate = Group | 1;
    public const uint DevDestroy = Group | 2;
    public const uint DevSetup = Write | (SetupSize << 16) | Group | 3;
    public const uint AbsSetup = Write | (AbsSetupSize << 16) | Group | 4;
    public const uint SetEvBit = Write | (4 << 16) | Group | 100;
    public const uint SetKeyBit = Write | (4 << 16) | Group | 101;
    public const uint SetRelBit = Write | (4 << 16) | Group | 102;
    public const uint SetAbsBit = Write | (4 << 16) | Group | 103;
    public const uint SetPropBit = Write | (4 << 16) | Group | 110;
    public const uint GetSysname = Read | (SysnameSize << 16) | Group | 44;

    public const int EvKey = 1;
    public const int EvRel = 2;
    public const int EvAbs = 3;
    public const int RelX = 0;
    public const int RelY = 1;
    public const int RelHorizontalWheel = 6;
    public const int RelWheel = 8;
    public const int RelWheelHiRes = 0xb;
    public const int RelHorizontalWheelHiRes = 0xc;
    public const int AbsX = 0;
    public const int AbsY = 1;
    public const int ButtonLeft = 0x110;
    public const int ButtonRight = 0x111;
    public const int ButtonMiddle = 0x112;
    public const int ButtonSide = 0x113;
    public const int ButtonExtra = 0x114;
    public const int ButtonToolPen = 0x140;
    public const int ButtonTouch = 0x14a;
    public const int ButtonStylus = 0x14b;
    public const int PropPointer = 0;
    public const ushort BusUsb = 3;

    private const uint Group = 'U' << 8;
    private const uint Write = 1u << 30;
    private const uint Read = 2u << 30;
    private const uint SetupSize = 92;
    private const uint AbsSetupSize = 28;

    /// <summary>The request's name in the kernel's header, for messages.</summary>
    public static string NameOf(uint request) => request switch
    {
        DevCreate => "UI_DEV_CREATE",
        DevDestroy => "UI_DEV_DESTROY",
        DevSetup => "UI_DEV_SETUP",
        AbsSetup => "UI_ABS_SETUP",
        SetEvBit => "UI_SET_EVBIT",
        SetKeyBit => "UI_SET_KEYBIT",
        SetRelBit => "UI_SET_RELBIT",
        SetAbsBit => "UI_SET_ABSBIT",
        SetPropBit => "UI_SET_PROPBIT",
        GetSysname => "UI_GET_SYSNAME",
        _ => $"ioctl 0x{request:x}",
    };

    /// <summary><c>struct uinput_setup</c>: identity, a name of at most 79 bytes, no force feedback.</summary>
    public static byte[] Setup(VirtualDevice device)
    {
        var setup = new byte[SetupSize];
        MemoryMarshal.Write(setup.AsSpan(0), BusUsb);
        MemoryMarshal.Write(setup.AsSpan(2), VirtualDevice.Vendor);
        MemoryMarshal.Write(setup.AsSpan(4), device.Product);
        MemoryMarshal.Write(setup.AsSpan(6), VirtualDevice.Version);
        Encoding.UTF8.GetBytes(device.Name, setup.AsSpan(8, NameSize - 1));
        return setup;
    }

    /// <summary><c>struct uinput_abs_setup</c>: the axis and its range.</summary>
    public static byte[] AxisSetup(int axis, int minimum, int maximum)
    {
        var setup = new byte[AbsSetupSize];
        MemoryMarshal.Write(setup.AsSpan(0), (ushort)axis);
        MemoryMarshal.Write(setup.AsSpan(8), minimum);
        MemoryMarshal.Write(setup.AsSpan(12), maximum);
        return setup;
    }
}

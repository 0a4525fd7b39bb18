namespace HostService.Infrastructure.Input;

/// <summary>A virtual device as the kernel announces it (B13). The kernel drops every event that was not announced.</summary>
/// <param name="Name">As programs and udev rules know it.</param>
/// <param name="Keys">Keys and buttons.</param>
/// <param name="RelativeAxes">Axes for movements.</param>
/// <param name="AbsoluteAxes">Axes for positions, each with the range 0..<see cref="AbsoluteMaximum"/>.</param>
internal sealed record VirtualDevice(
    string Name, ushort Product, IReadOnlyList<int> Keys, IReadOnlyList<int> RelativeAxes, IReadOnlyList<int> AbsoluteAxes)
{
    public const ushort Vendor = 0xf4c1;
    public const ushort Version = 1;
    public const int AbsoluteMaximum = 0xFFF;

    /// <summary>Whether it has <c>INPUT_PROP_POINTER</c>.</summary>
    public bool IsPointer { get; private init; }

    /// <summary>Has a pen tablet's buttons; the udev rule in <c>deploy/udev</c> tells programs that it is a mouse.</summary>
    public static VirtualDevice Absolute { get; } = new(
        "Fractal Virtual Absolute Input",
        0x1124,
        [Uinput.ButtonTouch, Uinput.ButtonToolPen, Uinput.ButtonStylus],
        [],
        [Uinput.AbsX, Uinput.AbsY])
    {
        IsPointer = true,
    };

    /// <summary>The streaming program scrolls with the HI_RES wheels only.</summary>
    public static VirtualDevice Relative { get; } = new(
        "Fractal Virtual Relative Input",
        0x1123,
        [Uinput.ButtonLeft, Uinput.ButtonRight, Uinput.ButtonMiddle, Uinput.ButtonSide, Uinput.ButtonExtra],
        [
            Uinput.RelX, Uinput.RelY, Uinput.RelWheel, Uinput.RelHorizontalWheel,
            Uinput.RelWheelHiRes, Uinput.RelHorizontalWheelHiRes,
        ],
        []);

    /// <summary>Every key code from 0 to 0x2fe.</summary>
    public static VirtualDevice Keyboard { get; } = new("Fractal Virtual Keyboard", 0x1122, [.. Enumerable.Range(0, 0x2ff)], [], []);

    /// <summary>The three of a mandelbox, in the order of B13.</summary>
    public static IReadOnlyList<VirtualDevice> All { get; } = [Absolute, Relative, Keyboard];
}

using HostService.Infrastructure.Input.Native;

namespace HostService.Infrastructure.Input;

/// <summary>What one virtual device is to the kernel.</summary>
/// <param name="Name">As programs and udev rules know it.</param>
/// <param name="Product">Tells the three apart within <see cref="Vendor"/>.</param>
/// <param name="Keys">Keys and buttons.</param>
/// <param name="RelativeAxes">Axes that tell by how much something moved.</param>
/// <param name="AbsoluteAxes">Axes that tell where something is, all with the range 0..<see cref="AbsoluteMaximum"/>.</param>
internal sealed record VirtualDevice(
    string Name, ushort Product, IReadOnlyList<int> Keys, IReadOnlyList<int> RelativeAxes, IReadOnlyList<int> AbsoluteAxes)
{
    /// <summary>No vendor's: nobody else makes these devices, and rules go by their names.</summary>
    public const ushort Vendor = 0x4678;
    public const ushort Version = 1;

    /// <summary>B13.</summary>
    public const int AbsoluteMaximum = 0xFFF;

    /// <summary>
    /// No touch and no pen among its buttons: that, and the udev rule, makes it a mouse that can be put anywhere on the screen.
    /// </summary>
    public static VirtualDevice Absolute { get; } = new(
        "Fractal Virtual Absolute Input", 1, [Uinput.ButtonLeft, Uinput.ButtonRight, Uinput.ButtonMiddle], [], [Uinput.AbsX, Uinput.AbsY]);

    /// <summary>Wheels in whole notches only: a device that announces finer steps must also send them, or its wheel is dead.</summary>
    public static VirtualDevice Relative { get; } = new(
        "Fractal Virtual Relative Input",
        2,
        [Uinput.ButtonLeft, Uinput.ButtonRight, Uinput.ButtonMiddle, Uinput.ButtonSide, Uinput.ButtonExtra, Uinput.ButtonForward, Uinput.ButtonBack],
        [Uinput.RelX, Uinput.RelY, Uinput.RelWheel, Uinput.RelHorizontalWheel],
        []);

    /// <summary>Every key code below the buttons: <c>KEY_ESC</c> (1) to <c>KEY_MICMUTE</c> (248).</summary>
    public static VirtualDevice Keyboard { get; } = new("Fractal Virtual Keyboard", 3, [.. Enumerable.Range(1, 248)], [], []);

    /// <summary>The three of a mandelbox, in the order of B13.</summary>
    public static IReadOnlyList<VirtualDevice> All { get; } = [Absolute, Relative, Keyboard];

    /// <summary>Whether it is a pointer, for <c>INPUT_PROP_POINTER</c>.</summary>
    public bool IsPointer => RelativeAxes.Count > 0 || AbsoluteAxes.Count > 0;
}

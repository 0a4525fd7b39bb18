using System.Globalization;

namespace HostService.GrainInterfaces;

/// <summary>How long a caller waits for a grain's answer: longer than the work's own timeouts, shorter than the gateway's.</summary>
public static class GrainCallTimeouts
{
    /// <summary>For the long calls of <see cref="IMandelboxGrain"/>: a spin-up with its undo, or an end that saves user configs.</summary>
    public const string Mandelbox = "00:02:20";

    /// <summary><see cref="Mandelbox"/> as a <see cref="TimeSpan"/>.</summary>
    public static TimeSpan MandelboxCall { get; } = TimeSpan.Parse(Mandelbox, CultureInfo.InvariantCulture);

    /// <summary>For every other call: Orleans' default.</summary>
    public static TimeSpan OtherCall { get; } = TimeSpan.FromSeconds(30);

    /// <summary>For what the fleet asks of a host, where that answers from memory.</summary>
    public const string Host = "00:00:05";

    /// <summary><see cref="Host"/> as a <see cref="TimeSpan"/>.</summary>
    public static TimeSpan HostCall { get; } = TimeSpan.Parse(Host, CultureInfo.InvariantCulture);
}

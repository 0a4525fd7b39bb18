using HostService.Silo.Hosting;

namespace HostService.Silo.Lifecycle;

/// <summary>
/// Section <c>Shutdown</c>: how long the steps of the shutdown may take. The sum over all steps must be shorter than the unit's
/// <c>TimeoutStopSec</c>.
/// </summary>
public sealed class ShutdownOptions : IValidatedOptions
{
    /// <summary>In deployed environments: how long spin-ups that were assigned before still come in (B30).</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long all mandelboxes together have to end: drives are flushed, then configs saved. A save that is not finished then is given up
    /// and the archive that was stored before stays; so this may be shorter than what one mandelbox may take, where ending soon matters
    /// more.
    /// </summary>
    public TimeSpan MandelboxTimeout { get; set; } = TimeSpan.FromSeconds(270);

    /// <summary>How long any other step has.</summary>
    public TimeSpan StepTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>As configured; the defaults where that has faults, because <see cref="OptionsCheck"/> reports them.</summary>
    public static ShutdownOptions From(IConfiguration configuration)
    {
        var configured = configuration.ReadOrDefaults<ShutdownOptions>("Shutdown");
        return configured.Validate().Any() ? new ShutdownOptions() : configured;
    }

    /// <summary>Every fault of these settings; empty when there is none.</summary>
    public IEnumerable<string> Validate()
    {
        if (Grace < TimeSpan.Zero)
        {
            yield return $"Shutdown:Grace is {Grace}; it must not be negative.";
        }

        if (MandelboxTimeout <= TimeSpan.Zero)
        {
            yield return $"Shutdown:MandelboxTimeout is {MandelboxTimeout}; it must be longer than zero.";
        }

        if (StepTimeout <= TimeSpan.Zero)
        {
            yield return $"Shutdown:StepTimeout is {StepTimeout}; it must be longer than zero.";
        }
    }
}

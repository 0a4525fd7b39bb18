using HostService.Grains.Host;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Silo.Hosting;

/// <summary>
/// Timeouts of different sections that must nest. The inner one must fire first: only it gives a handled result. When the outer one fires
/// first, a spin-up fails for user configs that it could do without, and configs whose upload still runs count as not saved.
/// </summary>
public sealed class TimeoutNesting(
    IOptions<UserConfigsOptions> userConfigs, IOptions<CloudStorageOptions> cloudStorage, IOptions<QueueOptions> queue)
    : IValidateOptions<MandelboxOptions>
{
    public ValidateOptionsResult Validate(string? name, MandelboxOptions options)
    {
        try
        {
            var faults = Validate(options, userConfigs.Value, cloudStorage.Value, queue.Value).ToList();
            return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
        }
        catch (Exception exception) when (exception is OptionsValidationException or InvalidOperationException)
        {
            // The other section has faults of its own, which are reported as such.
            return ValidateOptionsResult.Skip;
        }
    }

    /// <summary>Every fault, each with what to do; empty when there is none.</summary>
    public static IEnumerable<string> Validate(
        MandelboxOptions mandelbox, UserConfigsOptions userConfigs, CloudStorageOptions cloudStorage, QueueOptions queue)
    {
        if (queue.Timeout > TimeSpan.Zero && queue.Timeout + mandelbox.StepTimeout > mandelbox.SpinUpTimeout)
        {
            yield return $"Queue:Timeout is {queue.Timeout}; with Mandelbox:StepTimeout ({mandelbox.StepTimeout}) "
                + $"it must not be longer than Mandelbox:SpinUpTimeout ({mandelbox.SpinUpTimeout}): "
                + "a spin-up that waited must still have time.";
        }

        if (userConfigs.FetchTimeout >= mandelbox.StepTimeout)
        {
            yield return $"UserConfigs:FetchTimeout is {userConfigs.FetchTimeout}; "
                + $"it must be shorter than Mandelbox:StepTimeout ({mandelbox.StepTimeout}), or a slow fetch fails the spin-up.";
        }

        if (userConfigs.SaveTimeout + UserConfigsOptions.AbortTimeout >= mandelbox.CleanUpTimeout)
        {
            yield return $"UserConfigs:SaveTimeout is {userConfigs.SaveTimeout}; "
                + $"with {UserConfigsOptions.AbortTimeout.TotalSeconds:0} s to tidy up "
                + $"it must be shorter than Mandelbox:CleanUpTimeout ({mandelbox.CleanUpTimeout}).";
        }

        if (cloudStorage.FlushTimeout + CloudStorageOptions.AroundFlush >= mandelbox.CleanUpTimeout)
        {
            yield return $"CloudStorage:FlushTimeout is {cloudStorage.FlushTimeout}; "
                + $"with {CloudStorageOptions.AroundFlush.TotalSeconds:0} s to unmount "
                + $"it must be shorter than Mandelbox:CleanUpTimeout ({mandelbox.CleanUpTimeout}).";
        }
    }
}

using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Fetches the user's app settings. A failure is a warning and does not fail the spin-up (B7).</summary>
public sealed partial class FetchUserConfigs(IUserConfigStore store, HostEnvironment environment, ILogger logger) : IStep<MandelboxContext>
{
    public string Name => "configs";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // Until the fetch has succeeded: a mandelbox that ends half-way must not overwrite the stored archive.
        context.UserConfigs = FetchOutcome.Failed;
        var request = context.RequiredRequest;
        var answer = await store.FetchAsync(
            UserConfigKeys.For(request.UserId, request.AppName, environment),
            request.ConfigEncryptionToken,
            context.Paths.UserConfigs,
            cancellationToken);
        context.UserConfigs = answer.Outcome;
        if (answer.Outcome is FetchOutcome.Failed or FetchOutcome.Unknown)
        {
            LogNotFetched(context.MandelboxId, answer.Reason);
            context.Warnings.Add($"user configs: {answer.Reason}");
        }

        return StepResult.Done;
    }

    [LoggerMessage(LogLevel.Warning, "Mandelbox {MandelboxId}: user configs were not fetched: {Reason}")]
    private partial void LogNotFetched(string mandelboxId, string? reason);
}

using HostService.Grains.Lifecycle;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Refuses a token too short to encrypt user configs with (B7).</summary>
public sealed class CheckEncryptionToken : IStep<MandelboxContext>
{
    /// <summary>Characters.</summary>
    public const int MinimumLength = 10;

    public string Name => SpinUpPhases.Token;

    public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken) =>
        Task.FromResult(context.RequiredRequest.ConfigEncryptionToken.Length >= MinimumLength
            ? StepResult.Done
            : StepResult.Failed($"config_encryption_token is too short: at least {MinimumLength} characters are needed"));
}

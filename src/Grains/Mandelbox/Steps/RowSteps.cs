using HostService.Infrastructure.Backend.Rows;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The webserver's row for this mandelbox: <c>ALLOCATED</c> → <c>CONNECTING</c> on the way up, gone at the end (B7, B19).</summary>
public sealed class ClaimRow(IBackendDatabase database, string instanceName) : IMandelboxStep
{
    private bool _claimed;
    private Task _dying = Task.CompletedTask;

    public string Name => "claim";

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        try
        {
            var refusal = await database.ClaimMandelboxAsync(instanceName, run.MandelboxId, run.RequiredRequest.UserId, cancellationToken);
            _claimed = refusal is null;
            return refusal is null ? StepResult.Done : StepResult.Failed(refusal);
        }
        catch (BackendDatabaseException exception)
        {
            return StepResult.Failed(exception.Message);
        }
    }

    /// <summary>A row that was never taken is somebody else's and stays.</summary>
    public async Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        if (_claimed)
        {
            // DYING must not be written after the row has gone; its failure is reported by whoever asked for it.
            await _dying.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await database.RemoveMandelboxAsync(run.MandelboxId, cancellationToken);
        }
    }

    /// <summary>Tells the webserver that the mandelbox is on its way out, if it knows of it through us.</summary>
    public Task MarkDyingAsync(MandelboxRun run, CancellationToken cancellationToken) =>
        _dying = _claimed ? database.SetMandelboxStatusAsync(run.MandelboxId, "DYING", cancellationToken) : Task.CompletedTask;
}

/// <summary>Tells the webserver that the user can connect.</summary>
public sealed class MarkRowRunning(IBackendDatabase database) : StepWithoutUndo
{
    public override string Name => "announce";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        // Before it is known to have worked: what was written may count although its answer is lost.
        run.UserMayHaveCome = true;
        await database.SetMandelboxStatusAsync(run.MandelboxId, "RUNNING", cancellationToken);
        return StepResult.Done;
    }
}

/// <summary>The token that a user's settings are encrypted with must be worth its name (B7).</summary>
public sealed class CheckEncryptionToken : StepWithoutUndo
{
    /// <summary>Characters, at least.</summary>
    public const int MinimumLength = 10;

    public override string Name => "token";

    public override Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken) =>
        Task.FromResult(run.RequiredRequest.ConfigEncryptionToken.Length >= MinimumLength
            ? StepResult.Done
            : StepResult.Failed($"config_encryption_token is too short: at least {MinimumLength} characters are needed"));
}

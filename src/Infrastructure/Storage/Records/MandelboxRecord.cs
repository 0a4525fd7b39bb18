using HostService.Infrastructure.Storage.UserConfigs;

namespace HostService.Infrastructure.Storage.Records;

/// <summary>What a run after a crash needs of a running mandelbox, and what no label may hold.</summary>
public sealed record MandelboxRecord
{
    public required string MandelboxId { get; init; }
    public required string ContainerId { get; init; }
    public required string UserId { get; init; }
    public required string AppName { get; init; }
    public required ulong SessionId { get; init; }

    /// <summary>The key of the user's stream; secret.</summary>
    public required string AesKey { get; init; }

    /// <summary>How the user configs were fetched: decides whether and how they are saved.</summary>
    public FetchOutcome? Fetched { get; init; }

    /// <summary><see cref="UserConfigs.ArchiveKey.ToSecret"/> of the archive that the end makes; null where none is made.</summary>
    public string? ArchiveKey { get; init; }

    /// <summary>When it reached each state; the last one is <see cref="MandelboxState.Running"/>. Empty where that is not known.</summary>
    public IReadOnlyList<MandelboxPhase> Phases { get; init; } = [];

    /// <summary>Without the secrets and the user: this text may be logged.</summary>
    public override string ToString() => $"{MandelboxId}: {AppName}, session {SessionId}";
}

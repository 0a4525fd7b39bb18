namespace HostService.Infrastructure.Backend.Outbox;

internal readonly record struct RowKey(RowKind Kind, string Id)
{
    public override string ToString() => Kind == RowKind.Mandelbox ? $"mandelbox {Id}" : $"instance {Id}";
}

internal enum RowKind
{
    Instance,
    Mandelbox,
}

/// <summary>A write that must reach the database sooner or later.</summary>
/// <param name="Status">The new status; null removes the row.</param>
/// <param name="OnlyIf">Limits a removal to what this claim may have left behind.</param>
internal sealed record RowWrite(RowKey Row, string? Status, Claim? OnlyIf = null)
{
    public bool Removes => Status is null;

    /// <summary>Set once it was carried out and found no row to change.</summary>
    public bool FoundNoRow { get; set; }

    public string What => Status ?? "the removal";

    public override string ToString() => Removes ? $"removal of {Row}" : $"{Status} of {Row}";
}

/// <summary>The instance and user for which a mandelbox's row was claimed.</summary>
internal sealed record Claim(string InstanceName, string UserId);

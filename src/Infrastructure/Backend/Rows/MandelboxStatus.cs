namespace HostService.Infrastructure.Backend.Rows;

/// <summary>Column <c>status</c> of table <c>mandelbox_info</c>, in the order of a mandelbox's life.</summary>
public static class MandelboxStatus
{
    /// <summary>Assigned by the webserver; not requested by the user yet.</summary>
    public const string Allocated = "ALLOCATED";

    /// <summary>Claimed by a spin-up.</summary>
    public const string Connecting = "CONNECTING";

    /// <summary>The user can connect.</summary>
    public const string Running = "RUNNING";

    public const string Dying = "DYING";

    private static readonly string[] InOrder = [Allocated, Connecting, Running, Dying];

    /// <summary>
    /// The statuses of a claimed row that <paramref name="status"/> may follow; itself included, for a write that is repeated.
    /// </summary>
    internal static string[] ClaimedUpTo(string status) => Array.IndexOf(InOrder, status) is var at and >= 2
        ? InOrder[1..(at + 1)]
        : throw new ArgumentException($"\"{status}\" is not a status that a host sets; it sets {Running} and {Dying}.", nameof(status));
}

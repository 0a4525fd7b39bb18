using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace HostService.GrainInterfaces;

/// <summary>Checks mandelbox ids, which become part of paths, container names and labels.</summary>
public static partial class MandelboxIds
{
    /// <summary>The host's own throw-away mandelbox.</summary>
    public const string WarmUp = "host-service-warmup";

    /// <summary>What the ids of mandelboxes begin with that wait for a user (<see cref="MandelboxState.Waiting"/>).</summary>
    private const string WaitingPrefix = "host-service-waiting-";

    /// <summary>Ids that the host uses itself, as directories below its root or for the warm-up.</summary>
    private static readonly string[] Reserved = [WarmUp, "temp", "logs"];

    /// <summary>Null for a valid id, else what is wrong with it.</summary>
    /// <param name="field">The name of the request's field, for the message.</param>
    public static string? Fault(string id, string field = "mandelbox_id")
    {
        if (!Allowed().IsMatch(id))
        {
            return $"{field} must be 1 to 128 letters, digits, '_' or '-', beginning with a letter or digit";
        }

        return Reserved.Contains(id, StringComparer.Ordinal) || IsWaiting(id)
            ? $"{field} must not be {id}: that name is the host's own"
            : null;
    }

    /// <summary>Whether it is of a mandelbox that was started ahead, for whoever comes.</summary>
    public static bool IsWaiting(string id) => id.StartsWith(WaitingPrefix, StringComparison.Ordinal) && Allowed().IsMatch(id);

    public static string NewWaiting() => $"{WaitingPrefix}{RandomNumberGenerator.GetHexString(12, lowercase: true)}";

    /// <summary>Whether a mandelbox of this host can have it: one of a user, or one that waits.</summary>
    public static bool IsOurs(string id) => IsWaiting(id) || Fault(id) is null;

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Allowed();
}

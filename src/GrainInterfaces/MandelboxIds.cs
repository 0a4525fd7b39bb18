using System.Text.RegularExpressions;

namespace HostService.GrainInterfaces;

/// <summary>Checks mandelbox ids, which become part of paths, container names and labels.</summary>
public static partial class MandelboxIds
{
    /// <summary>The host's own throw-away mandelbox.</summary>
    public const string WarmUp = "host-service-warmup";

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

        return Reserved.Contains(id, StringComparer.Ordinal) ? $"{field} must not be {id}: that name is the host's own" : null;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Allowed();
}

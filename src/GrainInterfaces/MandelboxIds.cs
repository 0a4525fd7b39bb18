using System.Text.RegularExpressions;

namespace HostService.GrainInterfaces;

/// <summary>What a mandelbox id may be. It becomes part of paths, of container names and of labels, so that a bad one is refused before anything is touched.</summary>
public static partial class MandelboxIds
{
    /// <summary>Names below the host's root, or its own use, that no mandelbox may take.</summary>
    private static readonly string[] Reserved = ["host-service-warmup", "temp", "logs"];

    /// <summary>Null for a good id, else what is wrong with it and what it has to be, under the name of the field it stood in.</summary>
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

/// <summary>How long callers wait for the calls that do real work. Longer than the work's own deadlines, shorter than the gateway's.</summary>
public static class GrainCallTimeouts
{
    /// <summary>For <see cref="IMandelboxGrain"/>: a spin-up with its clean-up, or an end with the saving of configs.</summary>
    public const string Mandelbox = "00:02:20";

    /// <summary>The same as a value.</summary>
    public static TimeSpan MandelboxCall { get; } = TimeSpan.Parse(Mandelbox, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>For every other call: what Orleans gives where nothing else is said.</summary>
    public static TimeSpan OtherCall { get; } = TimeSpan.FromSeconds(30);
}

using System.Text.RegularExpressions;

namespace Sentry.Internal;

/// <summary>Takes credentials out of addresses in a text. As in the package, all from the first scheme of a line to its last <c>@</c> goes.</summary>
internal static class Redaction
{
    private const string Filtered = "[Filtered]";

    private static readonly Regex Credentials = new(
        @"\b(?<scheme>https?://)(?<who>.*)@", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    public static string Of(string text) => Credentials.Replace(
        text, match => $"{match.Groups["scheme"].Value}{(match.Groups["who"].Value.Contains(':') ? $"{Filtered}:{Filtered}" : Filtered)}@");
}

using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace HostService.GrainInterfaces;

/// <summary>Checks names that become part of images, paths and keys. Mandelbox ids: <see cref="MandelboxIds"/>.</summary>
public static partial class Names
{
    /// <summary>Longest app name, in characters.</summary>
    public const int LongestAppName = 200;

    /// <summary><c>[a-z0-9]+([._/-][a-z0-9]+)*</c>, at most 200 characters.</summary>
    public static bool IsAppName([NotNullWhen(true)] string? value) =>
        value is { Length: <= LongestAppName } && AppNameForm().IsMatch(value);

    /// <summary>An app name with <c>:tag</c>, which a local environment takes for the image itself.</summary>
    public static bool IsImage([NotNullWhen(true)] string? value) =>
        value?.Split(':') is [var app, var tag] && IsAppName(app) && TagForm().IsMatch(tag);

    /// <summary>
    /// As a mandelbox id, but after the first character also <c>|</c>, <c>.</c>, <c>@</c> and <c>+</c>: subjects of Auth0, mail addresses.
    /// So it is never <c>.</c> or <c>..</c>, nor has it a part that a path would take for a directory.
    /// </summary>
    public static bool IsUserId([NotNullWhen(true)] string? value) => value is not null && UserIdForm().IsMatch(value);

    /// <summary>The engine's container id: 12 to 64 hexadecimal digits in lower case.</summary>
    public static bool IsContainerId([NotNullWhen(true)] string? value) => value is not null && ContainerIdForm().IsMatch(value);

    /// <summary>The name of a host in a fleet, such as a DNS name; at most 253 characters, as that.</summary>
    public static bool IsHostName([NotNullWhen(true)] string? value) => value is not null && HostNameForm().IsMatch(value);

    // \z, not $, which would allow a line feed at the end.
    [GeneratedRegex(
        @"\A[a-z0-9]+([._/-][a-z0-9]+)*\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex AppNameForm();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TagForm();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_|.@+-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex UserIdForm();

    [GeneratedRegex(@"\A[0-9a-f]{12,64}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ContainerIdForm();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,252}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HostNameForm();
}

using System.Text.RegularExpressions;

namespace HostService.Infrastructure.Docker;

/// <summary>Names of images and containers (B17).</summary>
public static class ContainerNames
{
    /// <summary>Patterns for <see cref="IContainerEngine.FindImageAsync"/>, in the order in which they are tried.</summary>
    public static IReadOnlyList<string> LocalImagePatterns(string app) =>
        [$"{app}:current-build-updated-protocol", $"{app}:current-build", app];

    /// <summary>The app name of the image of network sandboxes.</summary>
    public const string SandboxApp = "mandelboxes/sandbox";

    /// <summary>
    /// The first image that contains the first pattern, or else the next one; <c>*</c> is any part of a path. A network sandbox is found by
    /// its own name only: it is no app.
    /// </summary>
    public static string? FindImage(IReadOnlyCollection<string> images, IEnumerable<string> patterns) => patterns
        .Select(pattern => images.FirstOrDefault(image => Regex.IsMatch(image, Expression(pattern), RegexOptions.NonBacktracking)
            && (IsOfSandbox(pattern) || !IsOfSandbox(image))))
        .FirstOrDefault(found => found is not null);

    /// <summary>The image of a deployed environment, from <see cref="DockerOptions.ImageTemplate"/>.</summary>
    /// <param name="environment">In any case.</param>
    public static string Image(string template, string environment, string app) => template
        .Replace("{env}", environment.ToLowerInvariant(), StringComparison.Ordinal)
        .Replace("{app}", app, StringComparison.Ordinal);

    /// <summary><c>&lt;app&gt;-&lt;id&gt;</c> with every character outside <c>[a-zA-Z0-9_.-]</c> made <c>-</c>.</summary>
    public static string Container(string app, string mandelboxId) =>
        string.Create(app.Length + 1 + mandelboxId.Length, (app, mandelboxId), static (name, parts) =>
        {
            parts.app.CopyTo(name);
            name[parts.app.Length] = '-';
            parts.mandelboxId.CopyTo(name[(parts.app.Length + 1)..]);
            foreach (ref var c in name)
            {
                c = IsAllowed(c) ? c : '-';
            }
        });

    private static string Expression(string pattern) => Regex.Escape(pattern).Replace(@"\*", "[^/]+", StringComparison.Ordinal);

    private static bool IsOfSandbox(string name) => name.Contains(SandboxApp, StringComparison.Ordinal);

    /// <summary>Whether it is valid as a container's id or name: nothing else may become part of a request path.</summary>
    internal static bool IsIdOrName(string text) =>
        text.Length is > 0 and <= 512 && char.IsAsciiLetterOrDigit(text[0]) && text.All(IsAllowed);

    private static bool IsAllowed(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-';
}

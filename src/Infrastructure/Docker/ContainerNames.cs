namespace HostService.Infrastructure.Docker;

/// <summary>Names of images and containers (B17).</summary>
public static class ContainerNames
{
    /// <summary>What to look for among the local images, from most to least alike; for <see cref="IContainerEngine.FindImageAsync"/>.</summary>
    public static IReadOnlyList<string> LocalImagePatterns(string app) => [$"{app}:current-build-updated-protocol", $"{app}:current-build", app];

    /// <summary>The image of a deployed environment, from <see cref="DockerOptions.ImageTemplate"/>.</summary>
    /// <param name="template">Holds <c>{env}</c> and <c>{app}</c>.</param>
    /// <param name="environment">Its name, in any case.</param>
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
                c = MayStand(c) ? c : '-';
            }
        });

    /// <summary>Whether an engine could know a container by this: anything else must not get into a path of its interface.</summary>
    internal static bool IsIdOrName(string text) => text.Length is > 0 and <= 512 && char.IsAsciiLetterOrDigit(text[0]) && text.All(MayStand);

    private static bool MayStand(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-';
}

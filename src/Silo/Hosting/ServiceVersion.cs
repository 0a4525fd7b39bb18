using System.Reflection;
using Docker.DotNet;
using Sentry;

namespace HostService.Silo.Hosting;

/// <summary>The version of this build, and what it runs on.</summary>
public static class ServiceVersion
{
    /// <summary>The git commit that it was built from, 40 hexadecimal digits; empty when it was built outside a repository.</summary>
    public static string Commit { get; } =
        InformationalVersion(typeof(ServiceVersion)) is { } version && version.Split('+') is [_, var commit] ? commit : "";

    /// <summary>For example <c>1.0.0</c>.</summary>
    public static string Number { get; } = InformationalVersion(typeof(ServiceVersion))?.Split('+')[0] ?? "unknown";

    /// <summary>The runtime and the main packages, with their versions.</summary>
    public static IReadOnlyList<string> RunsOn { get; } =
    [
        $".NET {Environment.Version}",
        Name(typeof(Grain)),
        Name(typeof(DockerClient)),
        Name(typeof(SentrySdk)),
    ];

    /// <summary>One line for logs and for <c>--version</c>.</summary>
    public static string Line => $"host-service {Number}{(Commit.Length > 0 ? $" ({Commit})" : "")} on {string.Join(", ", RunsOn)}";

    private static string Name(Type type) =>
        $"{type.Assembly.GetName().Name} {InformationalVersion(type)?.Split('+', ' ')[0].TrimEnd('.')}";

    private static string? InformationalVersion(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
}

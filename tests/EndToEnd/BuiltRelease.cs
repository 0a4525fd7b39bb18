using System.Diagnostics;
using System.Runtime.CompilerServices;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd;

/// <summary>What <c>eng/release.sh</c> makes, once for a class, and little compressed.</summary>
public sealed class BuiltRelease : IDisposable
{
    public BuiltRelease()
    {
        if (PackageFactAttribute.Missing is null)
        {
            Run("eng/release.sh", [], ("OUT", Out), ("DPKG_DEB_COMPRESSOR_TYPE", "gzip"), ("DPKG_DEB_COMPRESSOR_LEVEL", "1"));
            Version = Run("build/host-service", ["version"]).Split(' ')[1];
        }
    }

    public static string Checkout { get; } = Find();

    public ScratchDirectory Scratch { get; } = new();

    public string Out => Scratch["release"];

    public string Version { get; } = "";

    public string Package => Path.Combine(Out, $"host-service_{Version}_amd64.deb");

    /// <summary>In the checkout; returns the standard output, without the last line break.</summary>
    public string Run(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var file = program.Contains('/', StringComparison.Ordinal) ? Path.Combine(Checkout, program) : program;
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = Checkout,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}\n{output}\n{errors.Result}");
        return output.TrimEnd('\n');
    }

    public void Dispose() => Scratch.Dispose();

    private static string Find([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../.."));
}

/// <summary>Skipped, with the reason, where a program or build/host-service is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PackageFactAttribute : FactAttribute
{
    public PackageFactAttribute() => Skip = Missing;

    public static string? Missing { get; } = Needs.SkipReason(["git", "dpkg-deb", "lintian", "python3"])
        ?? (File.Exists(Path.Combine(BuiltRelease.Checkout, "build/host-service"))
            ? null
            : "there is no build/host-service; make build makes it");
}

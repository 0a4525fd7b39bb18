using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Extensions.Options;

namespace HostService.Infrastructure.Linux.AppArmor;

/// <summary>Loads the profile with <c>apparmor_parser -Kr</c>: in place of an earlier one, past the parser's cache.</summary>
internal sealed class ParserAppArmor(IOptions<AppArmorOptions> options, TimeProvider timeProvider) : IAppArmor
{
    private static readonly string[] RootsPrograms = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

    private readonly AppArmorOptions _options = options.Value;

    public string? Unavailable
    {
        get
        {
            if (!KernelHasIt())
            {
                return $"the kernel has no AppArmor, or does not use it: {_options.EnabledFile} does not say Y (boot with apparmor=1 security=apparmor)";
            }

            return FindParser() is null ? $"{_options.Parser} is not installed (on Debian and Ubuntu: apt-get install apparmor)" : null;
        }
    }

    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        var parser = FindParser() ?? throw new AppArmorException($"{AppArmorProfile.Name} cannot be loaded: {_options.Parser} is not installed");
        using var process = Launch(parser);
        using var deadline = new CancellationTokenSource(_options.LoadTimeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            var words = process.StandardError.ReadToEndAsync(either.Token);
            await GiveAsync(process.StandardInput, either.Token);
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode != 0)
            {
                throw new AppArmorException($"{parser} -Kr refused {AppArmorProfile.Name} with {process.ExitCode}: {(await words).ReplaceLineEndings(" ").Trim()}");
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AppArmorException($"{parser} -Kr was not done with {AppArmorProfile.Name} after {_options.LoadTimeout.TotalSeconds:0.#} s");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static async Task GiveAsync(StreamWriter input, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteAsync(AppArmorProfile.Text.AsMemory(), cancellationToken);
            input.Close();
        }
        catch (IOException)
        {
            // A parser that ends before it has read everything says why in its exit code and words, which the caller looks at.
        }
    }

    private static Process Launch(string parser)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(parser, ["-Kr"]) { RedirectStandardInput = true, RedirectStandardError = true, UseShellExecute = false })
                ?? throw new AppArmorException($"{parser} did not start");
        }
        catch (Win32Exception e)
        {
            throw new AppArmorException($"{AppArmorProfile.Name} cannot be loaded: {parser} cannot be run: {e.Message}", e);
        }
    }

    private bool KernelHasIt()
    {
        try
        {
            return File.ReadAllText(_options.EnabledFile).StartsWith('Y');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string? FindParser() =>
        Path.IsPathRooted(_options.Parser)
            ? (File.Exists(_options.Parser) ? _options.Parser : null)
            : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
                .Concat(RootsPrograms)
                .Select(directory => Path.Combine(directory, _options.Parser))
                .FirstOrDefault(File.Exists);
}

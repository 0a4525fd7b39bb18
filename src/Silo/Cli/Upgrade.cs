using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using HostService.Infrastructure.Linux.Processes;
using HostService.Infrastructure.Linux.Systemd;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>Replaces the binary of a running unit; puts the old one back when the new one is not ready in time.</summary>
internal sealed class Upgrade(
    ServiceClient client, Systemctl systemctl, string unit, TimeSpan timeout, TimeProvider timeProvider)
{
    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan VersionTimeout = TimeSpan.FromSeconds(30);

    /// <summary>When the run that answered last was started; tells one run from the next.</summary>
    private DateTimeOffset _startedAt;

    /// <summary>What is installed now, for whoever has to go on from there.</summary>
    private string _state = "nothing has changed";

    /// <summary>Whether a binary has been replaced, or a restart requested.</summary>
    public bool HasChangedAnything { get; private set; }

    /// <summary>Why it did not succeed, where that was printed and not thrown.</summary>
    public string? Fault { get; private set; }

    /// <param name="file">The new binary; null: the installed one, which a package has replaced already.</param>
    /// <param name="expected">The version that it must be; null: any.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="OperationCanceledException">It was interrupted; the message says what is installed now.</exception>
    /// <exception cref="IOException">The file is no host-service, or the installed one cannot be replaced: nothing has changed.</exception>
    /// <exception cref="SystemdException">systemd does not do what it is asked; the message says what is installed now.</exception>
    public async Task<int> RunAsync(string? file, string? expected, CancellationToken cancellationToken)
    {
        try
        {
            return await ReplaceAsync(file, expected, cancellationToken);
        }
        catch (OperationCanceledException exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException($"Interrupted: {_state}.", exception, cancellationToken);
        }
        catch (SystemdException exception)
        {
            throw new SystemdException($"{exception.Message.TrimEnd('.')}. Now: {_state}.", exception);
        }
    }

    private async Task<int> ReplaceAsync(string? file, string? expected, CancellationToken cancellationToken)
    {
        var installed = await InstalledAsync(cancellationToken);
        if (file == installed)
        {
            throw new IOException($"{file} is the installed binary: name the new one, or none where the installed one is the new one.");
        }

        var newOne = file ?? installed;
        var version = (await ProgramRunner.RunAsync(newOne, ["version"], "", VersionTimeout, timeProvider, cancellationToken)).Trim();
        if (!version.StartsWith("host-service ", StringComparison.Ordinal))
        {
            throw new IOException($"{newOne} is no host-service: 'version' says '{version}'.");
        }

        if (expected is not null && version.Split(' ')[1] != expected)
        {
            throw new IOException($"{newOne} is not {expected}: 'version' says '{version}'.");
        }

        if (await LookAsync(cancellationToken) is { } unready)
        {
            throw new IOException($"The service is not ready, so the upgrade could not be judged. Mend that first: {unready}");
        }

        var old = installed + ".old";
        if (!await RestartAsync(file, installed, old, cancellationToken))
        {
            return ExitCodes.Refused;
        }

        Console.WriteLine($"restarting with {version}");
        _state = $"{unit} restarts with the new version; whether it becomes ready is not watched any more. The old one is {old}";
        if (await WaitAsync(cancellationToken) is not { } fault)
        {
            Console.WriteLine("the new version is ready");
            return ExitCodes.Ended;
        }

        await TellAsync($"the new version is not ready: {fault}. Putting the old one back.");
        File.Move(old, installed, overwrite: true);
        _state = $"the old version is installed again, but may not run yet: systemctl restart {unit}";
        await RestartByKillAsync(cancellationToken);

        // Waits for that start: before it, systemd still calls the unit failed.
        await systemctl.StartAsync(unit, cancellationToken);
        await TellAsync(await WaitAsync(cancellationToken) is { } failure
            ? $"the old version is not ready either: {failure}. See: journalctl -u {unit}"
            : $"the old version is ready again. See: journalctl -u {unit}");
        return ExitCodes.Failed;
    }

    /// <summary>Puts the new binary in place and has the service restart. A restart that is refused leaves every file as it was.</summary>
    /// <param name="old">Where the binary that is replaced is kept.</param>
    /// <returns>Whether it restarts; false: refused, and the reason is printed.</returns>
    private async Task<bool> RestartAsync(string? file, string installed, string old, CancellationToken cancellationToken)
    {
        string copy = installed + ".new", replaced = installed + ".replaced";
        try
        {
            if (file is not null)
            {
                Copy(file, copy);
            }

            // A link, so that it takes no room, and needs none to be put back.
            var oldOne = file is null ? await RunningAsync(cancellationToken) : installed;
            await ProgramRunner.RunAsync("ln", ["-f", "--", oldOne, replaced], "", VersionTimeout, timeProvider, cancellationToken);
            if (file is not null)
            {
                File.Move(copy, installed, overwrite: true);
            }

            HttpStatusCode status;
            string body;
            try
            {
                (status, body) = await client.SendAsync(HttpMethod.Post, "/v1/host/restart", null, cancellationToken);
            }
            catch
            {
                // Whether the restart begins is not known; either version serves.
                HasChangedAnything = true;
                File.Move(replaced, file is null ? old : installed, overwrite: true);
                _state = $"the {(file is null ? "new" : "old")} version is installed; it may restart";
                throw;
            }

            if (status == HttpStatusCode.Accepted)
            {
                HasChangedAnything = true;
                File.Move(replaced, old, overwrite: true);
                return true;
            }

            if (file is not null)
            {
                File.Move(replaced, installed, overwrite: true);
            }

            await TellAsync(ServiceClient.Explain(status, body));
            return false;
        }
        finally
        {
            File.Delete(copy);
            if (!HasChangedAnything)
            {
                File.Delete(replaced);
            }
        }
    }

    private Task TellAsync(string what)
    {
        Fault = $"{Fault} {what}".TrimStart();
        return Console.Error.WriteLineAsync($"host-service: {what}");
    }

    /// <summary>The binary that the unit's next start takes.</summary>
    private async Task<string> InstalledAsync(CancellationToken cancellationToken)
    {
        const string variable = "HOST_SERVICE_BINARY=";
        var environment = (await systemctl.ReadAsync(unit, "Environment", cancellationToken)).Split(' ');
        return environment.FirstOrDefault(assignment => assignment.StartsWith(variable, StringComparison.Ordinal))?[variable.Length..]
            ?? throw new IOException($"{unit} has no variable {variable[..^1]}: install the unit of this version first.");
    }

    /// <summary>The file that the run was started from: not replaced before the next start.</summary>
    private async Task<string> RunningAsync(CancellationToken cancellationToken)
    {
        var pid = await MainPidAsync(cancellationToken);
        return File.ResolveLinkTarget($"/proc/{pid}/exe", returnFinalTarget: false)?.FullName
            ?? throw new IOException($"{unit} does not run.");
    }

    private async Task<int> MainPidAsync(CancellationToken cancellationToken) =>
        int.Parse(await systemctl.ReadAsync(unit, "MainPID", cancellationToken), CultureInfo.InvariantCulture);

    /// <summary>
    /// Ends a run that may hang, and starts the unit again. The restart is requested first: systemd closes the files that it keeps for the
    /// unit as soon as that has ended with no start to come. Only the run that was there before it is killed.
    /// </summary>
    private async Task RestartByKillAsync(CancellationToken cancellationToken)
    {
        var pid = await MainPidAsync(cancellationToken);
        await systemctl.RequestRestartAsync(unit, cancellationToken);
        if (pid != 0)
        {
            try
            {
                using var run = Process.GetProcessById(pid);
                run.Kill();
            }
            catch (ArgumentException)
            {
                // It has ended.
            }
        }
    }

    private static void Copy(string source, string target)
    {
        File.Copy(source, target, overwrite: true);
        File.SetUnixFileMode(target, Executable);
        using var file = File.OpenHandle(target, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Waits until another run than the last one is ready. Null then, else why not.</summary>
    private async Task<string?> WaitAsync(CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(timeout, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var last = _startedAt;
        var fault = "the restart did not begin";
        try
        {
            while (true)
            {
                await Task.Delay(LookInterval, timeProvider, either.Token);
                try
                {
                    var reason = await LookAsync(either.Token);
                    if (_startedAt != last)
                    {
                        if (reason is null)
                        {
                            return null;
                        }

                        fault = reason;
                    }
                }
                catch (ServiceClientException)
                {
                    fault = "it does not answer";
                    if (await systemctl.ReadAsync(unit, "ActiveState", either.Token) == "failed")
                    {
                        return $"it ended with exit code {await systemctl.ReadAsync(unit, "ExecMainStatus", either.Token)}";
                    }
                }
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return $"{fault}, after {timeout.TotalSeconds:0} s";
        }
    }

    /// <summary>Null when the service is ready, else why not; sets <see cref="_startedAt"/>.</summary>
    /// <exception cref="ServiceClientException">It does not answer.</exception>
    private async Task<string?> LookAsync(CancellationToken cancellationToken)
    {
        var (_, host) = await client.SendAsync(HttpMethod.Get, "/v1/host", null, cancellationToken);
        if (DateTimeOffset.TryParse((string?)JsonNode.Parse(host)?["startedAt"], CultureInfo.InvariantCulture, out var startedAt))
        {
            _startedAt = startedAt;
        }

        var (status, reasons) = await client.SendAsync(HttpMethod.Get, "/readyz", null, cancellationToken);
        return status == HttpStatusCode.OK ? null : reasons.Trim();
    }
}

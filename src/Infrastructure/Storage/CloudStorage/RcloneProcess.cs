using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>A running rclone: what it said last, when it ended, and how to end it.</summary>
internal sealed partial class RcloneProcess : IDisposable
{
    private const int Terminate = 15;
    private const int LinesKept = 5;
    private const int LineLength = 500;
    private readonly Process _process;
    private readonly SecretScrubber _scrubber;
    private readonly Action<string> _said;
    private readonly Queue<string> _last = new();

    private RcloneProcess(Process process, SecretScrubber scrubber, Action<string> said)
    {
        _process = process;
        _scrubber = scrubber;
        _said = said;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Ended = EndAsync();
    }

    /// <summary>Completes with the exit code, once all output has been read.</summary>
    public Task<int> Ended { get; }

    /// <summary>The last lines it wrote, without secrets.</summary>
    public string LastWords
    {
        get
        {
            lock (_last)
                return _last.Count == 0 ? "it said nothing" : string.Join(" / ", _last);
        }
    }

    /// <param name="said">Each line, without secrets.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It could not be started.</exception>
    public static RcloneProcess Start(ProcessStartInfo start, SecretScrubber scrubber, Action<string> said) =>
        new(Process.Start(start) ?? throw new InvalidOperationException("rclone did not start."), scrubber, said);

    /// <summary>Ends it: asks first, and after the grace does not.</summary>
    public async Task StopAsync(TimeSpan grace, TimeProvider timeProvider)
    {
        if (!_process.HasExited && Kill(_process.Id, Terminate) == 0)
            await Task.WhenAny(Ended, Task.Delay(grace, timeProvider));
        if (!_process.HasExited)
            _process.Kill();
        await Ended;
    }

    public void Dispose() => _process.Dispose();

    private async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private void Keep(string? line)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;

        var clean = _scrubber.Scrub(line);
        clean = clean.Length > LineLength ? clean[..LineLength] : clean;
        lock (_last)
        {
            _last.Enqueue(clean);
            if (_last.Count > LinesKept)
                _last.Dequeue();
        }

        _said(clean);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}

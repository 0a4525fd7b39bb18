using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using HostService.Infrastructure.Linux.Libc;

namespace HostService.Infrastructure.Storage.CloudStorage;

/// <summary>A running rclone: its last output, its end, and how to end it.</summary>
internal sealed class RcloneProcess : IDisposable
{
    private const int LinesKept = 5;
    private const int LineLength = 500;
    private readonly Process _process;
    private readonly Queue<string> _last = new();

    private RcloneProcess(Process process)
    {
        _process = process;
        Ended = WaitForExitAsync();
    }

    private RcloneProcess(Process process, SecretScrubber scrubber, Action<string> onLine)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data, scrubber, onLine);
        process.ErrorDataReceived += (_, line) => Keep(line.Data, scrubber, onLine);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Ended = WaitForExitAsync();
    }

    /// <summary>Completes with the exit code, once all output has been read; −1 for a process that an earlier run started.</summary>
    public Task<int> Ended { get; }

    /// <summary>The last lines of its output, without secrets.</summary>
    public string LastLines
    {
        get
        {
            lock (_last)
            {
                return _last.Count == 0 ? "no output" : string.Join(" / ", _last);
            }
        }
    }

    /// <param name="onLine">Called for each line of output, without secrets.</param>
    /// <exception cref="System.ComponentModel.Win32Exception">It could not be started.</exception>
    public static RcloneProcess Start(ProcessStartInfo start, SecretScrubber scrubber, Action<string> onLine) =>
        new(Launcher.Start(start), scrubber, onLine);

    /// <summary>The rclone that serves a mount point, started by an earlier run; null where there is none.</summary>
    /// <param name="cache">Its cache directory.</param>
    public static RcloneProcess? Find(string mountPoint, out string cache)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && RcloneCommand.TryRead(CommandLine(directory), out var served, out cache) && served == mountPoint)
            {
                try
                {
                    return new RcloneProcess(Process.GetProcessById(pid));
                }
                catch (ArgumentException)
                {
                    // It has just ended.
                }
            }
        }

        cache = "";
        return null;
    }

    /// <summary>Sends SIGTERM, and after the grace SIGKILL.</summary>
    public async Task StopAsync(TimeSpan grace, TimeProvider timeProvider)
    {
        if (!_process.HasExited && ProcessCalls.Terminate(_process.Id))
        {
            await Task.WhenAny(Ended, Task.Delay(grace, timeProvider));
        }

        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await Ended;
    }

    public void Dispose() => _process.Dispose();

    private static string[] CommandLine(string directory)
    {
        try
        {
            return File.ReadAllText(Path.Combine(directory, "cmdline")).Split('\0');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's.
            return [];
        }
    }

    private async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync();
        try
        {
            return _process.ExitCode;
        }
        catch (InvalidOperationException)
        {
            // Not our child: only its parent learns the exit code.
            return -1;
        }
    }

    private void Keep(string? line, SecretScrubber scrubber, Action<string> onLine)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return;
        }

        var clean = scrubber.Scrub(line);
        clean = clean.Length > LineLength ? clean[..LineLength] : clean;
        lock (_last)
        {
            _last.Enqueue(clean);
            if (_last.Count > LinesKept)
            {
                _last.Dequeue();
            }
        }

        onLine(clean);
    }

    /// <summary>
    /// Starts processes on a thread that lives as long as the service: the kernel sends the parent death signal when the thread that forked
    /// ends, and threads of the pool end when they are idle.
    /// </summary>
    private static class Launcher
    {
        private static readonly BlockingCollection<Task> Starts = Run();

        public static Process Start(ProcessStartInfo start)
        {
            var task = new Task<Process>(() =>
                Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start."));
            Starts.Add(task);
            return task.GetAwaiter().GetResult();
        }

        private static BlockingCollection<Task> Run()
        {
            var starts = new BlockingCollection<Task>();
            var thread = new Thread(() =>
            {
                foreach (var task in starts.GetConsumingEnumerable())
                {
                    task.RunSynchronously();
                }
            });
            thread.IsBackground = true;
            thread.Name = "rclone launcher";
            thread.Start();
            return starts;
        }
    }
}

using System.ComponentModel;
using System.Runtime.InteropServices;
using HostService.Infrastructure.Linux.Libc;
using Microsoft.Win32.SafeHandles;

namespace HostService.Infrastructure.Files;

/// <summary>
/// Waits for entries to appear in directories. The whole process uses one inotify instance, made by the first wait. A
/// <see cref="FileSystemWatcher"/> takes an instance each, and there are few (<c>fs.inotify.max_user_instances</c>): root inside a
/// mandelbox counts as the same user and can use up the rest.
/// </summary>
internal static class DirectoryWatch
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<int, List<SemaphoreSlim>> Waiting = [];
    private static SafeFileHandle? _inotify;

    /// <summary>Waits until the condition holds. It is evaluated now, and again whenever an entry appears in the directory.</summary>
    /// <returns>False at the timeout.</returns>
    /// <exception cref="IOException">The directory cannot be watched.</exception>
    public static async Task<bool> WaitAsync(
        string directory, Func<bool> condition, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        using var appeared = new SemaphoreSlim(0);
        var watch = Add(directory, appeared);
        try
        {
            using var limit = new CancellationTokenSource(timeout, timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            while (!condition())
            {
                await appeared.WaitAsync(either.Token);
            }

            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return condition();
        }
        finally
        {
            Remove(watch, appeared);
        }
    }

    private static int Add(string directory, SemaphoreSlim appeared)
    {
        lock (Gate)
        {
            try
            {
                _inotify ??= Open();
                const uint mask = InotifyCalls.Created | InotifyCalls.MovedHere | InotifyCalls.OnlyDirectories;
                var watch = InotifyCalls.AddWatch(_inotify, directory, mask);
                (CollectionsMarshal.GetValueRefOrAddDefault(Waiting, watch, out _) ??= []).Add(appeared);
                return watch;
            }
            catch (Win32Exception exception)
            {
                throw new IOException($"{directory} cannot be watched: {Describe(exception)}", exception);
            }
        }
    }

    private static void Remove(int watch, SemaphoreSlim appeared)
    {
        lock (Gate)
        {
            if (Waiting[watch] is { Count: > 1 } others)
            {
                others.Remove(appeared);
            }
            else
            {
                Waiting.Remove(watch);
                _ = InotifyCalls.RemoveWatch(_inotify!, watch);
            }
        }
    }

    private static SafeFileHandle Open()
    {
        var inotify = InotifyCalls.Create();
        new Thread(() => Read(inotify)) { IsBackground = true, Name = "inotify" }.Start();
        return inotify;
    }

    private static void Read(SafeFileHandle inotify)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var events = buffer.AsSpan(0, FileCalls.Read(inotify, buffer));
            lock (Gate)
            {
                while (events.Length > 0)
                {
                    var happened = MemoryMarshal.Read<InotifyCalls.Event>(events);
                    events = events[(Marshal.SizeOf<InotifyCalls.Event>() + (int)happened.NameLength)..];

                    // After an overflow nobody knows what was missed: everybody looks.
                    var concerned = happened.Mask == InotifyCalls.Overflow
                        ? Waiting.Values.SelectMany(w => w)
                        : Waiting.GetValueOrDefault(happened.Watch) ?? [];
                    foreach (var waiting in concerned)
                    {
                        waiting.Release();
                    }
                }
            }
        }
    }

    private static string Describe(Win32Exception exception) => exception.NativeErrorCode switch
    {
        InotifyCalls.NoInstances => "no inotify instance is left (raise fs.inotify.max_user_instances)",
        InotifyCalls.NoWatches => "no inotify watch is left (raise fs.inotify.max_user_watches)",
        _ => exception.Message,
    };
}

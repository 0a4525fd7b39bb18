using System.Runtime.InteropServices;

namespace HostService.Infrastructure.Linux.Libc;

/// <summary><c>kill</c>, for the signals that <see cref="System.Diagnostics.Process"/> does not send.</summary>
internal static partial class ProcessCalls
{
    private const int SigTerm = 15;

    /// <summary>Sends SIGTERM. False where there is no such process, or it is another user's.</summary>
    public static bool Terminate(int processId) => Kill(processId, SigTerm) == 0;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}

using System.Diagnostics;

namespace HostService.Tests.Support;

/// <summary>A program that can be run at once.</summary>
/// <remarks>
/// Another process writes it. A file that this process had open for writing is inherited by each child that another test starts at
/// that moment, and until that child has called <c>execve</c> the program cannot be run: "Text file busy".
/// </remarks>
public static class ExecutableFile
{
    /// <summary>Writes a shell script, also over one that is running.</summary>
    public static void WriteScript(string path, string commands)
    {
        var text = path + ".text";
        File.WriteAllText(text, $"#!/bin/sh\n{commands}\n");
        Copy(text, path);
        File.Delete(text);
    }

    public static void Copy(string from, string to)
    {
        using var install = Process.Start("install", ["-m", "755", from, to]);
        install.WaitForExit();
        if (install.ExitCode != 0)
        {
            throw new IOException($"{to} cannot be written: install ended with {install.ExitCode}.");
        }
    }
}

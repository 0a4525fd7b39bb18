using System.Diagnostics;
using System.Runtime.CompilerServices;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Deploy;

/// <summary>Runs a script of deploy/ with programs that only note down how they were called.</summary>
internal sealed class Script : IDisposable
{
    private readonly ScratchDirectory _directory = new();
    private readonly string _programs;

    public Script() => _programs = _directory.Directory("programs");

    /// <summary>Set for the scripts that follow.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>The calls so far, each with its arguments, and after <c>&lt;</c> what it was given to read where it reads.</summary>
    public string[] Calls => File.Exists(this["calls"]) ? File.ReadAllLines(this["calls"]) : [];

    public string this[string name] => _directory[name];

    public static string Deploy(string path, [CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../../deploy", path));

    /// <summary>A program that is noted down when it is called, and then does this.</summary>
    public void Program(string name, string script = "")
    {
        var program = Path.Combine(_programs, name);
        ExecutableFile.WriteScript(program, $"line=\"{name} $*\"\n{script}\necho \"$line\" >>\"{this["calls"]}\"");
    }

    public (int Code, string Output) Run(string path, params string[] arguments)
    {
        var start = new ProcessStartInfo(Deploy(path), arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["PATH"] = $"{_programs}:{start.Environment["PATH"]}";
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    public void Dispose() => _directory.Dispose();
}

using System.Globalization;

namespace HostService.Tests.Support;

/// <summary>What a process takes of the machine, from /proc.</summary>
/// <param name="ResidentKb">VmRSS.</param>
/// <param name="PrivateKb">RssAnon and RssShmem: memory that no file backs.</param>
public sealed record ProcessFootprint(long ResidentKb, long PrivateKb, int Descriptors, int Threads)
{
    public static async Task<ProcessFootprint> ReadAsync(int pid)
    {
        var status = (await File.ReadAllLinesAsync($"/proc/{pid}/status"))
            .Select(line => line.Split([':', '\t', ' '], StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length > 1)
            .ToDictionary(words => words[0], words => words[1]);
        return new ProcessFootprint(
            Value("VmRSS"), Value("RssAnon") + Value("RssShmem"), Directory.GetFileSystemEntries($"/proc/{pid}/fd").Length, (int)Value("Threads"));

        long Value(string name) => long.Parse(status[name], CultureInfo.InvariantCulture);
    }

    public override string ToString() =>
        $"{ResidentKb} kB resident, {PrivateKb} kB private, {Descriptors} descriptors, {Threads} threads";
}

namespace HostService.Silo.Cli;

/// <summary>Standard output, which may be a terminal.</summary>
internal static class Screen
{
    /// <summary>Of lines that go to a pipe or a file.</summary>
    private const int PipedWidth = 80;

    private const int NarrowestTerminal = 40;

    /// <summary>Colours are for terminals, unless NO_COLOR says otherwise (no-color.org).</summary>
    public static bool IsColoured { get; } = !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    public static int Width => Console.IsOutputRedirected ? PipedWidth : Math.Max(Console.WindowWidth, NarrowestTerminal);

    public static void Write(TextTable table, bool hasHeader = true)
    {
        foreach (var line in table.Lines(Width, IsColoured, hasHeader))
        {
            Console.WriteLine(line);
        }
    }

    /// <param name="whenEmpty">Instead of a table without rows.</param>
    public static void Write(TextTable table, string whenEmpty)
    {
        if (table.Count == 0)
        {
            Write(whenEmpty);
        }
        else
        {
            Write(table);
        }
    }

    /// <summary>How far a long work is, in one line that the next call writes over; only where a person sees it.</summary>
    public static void Progress(string text)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r{text}\e[K");
        }
    }

    /// <summary>Sentences, in lines as wide as the terminal.</summary>
    public static void Write(string text)
    {
        foreach (var line in TextTable.Wrap(text, Width))
        {
            Console.WriteLine(line);
        }
    }
}

namespace HostService.GrainInterfaces;

/// <summary>
/// What a mandelbox has written. Key: the mandelbox id. Not a part of <see cref="IMandelboxGrain"/>: it reads for as long as somebody
/// listens.
/// </summary>
public interface IMandelboxLogGrain : IGrainWithStringKey
{
    /// <summary>
    /// Of one that lives, the last lines that its container has written to its terminal. Of the last one of this id that has gone, the last
    /// lines of each file that it has left in its directory of logs, under the file's name. Nothing where there is neither. In pieces of a
    /// few KiB, as bytes: a mandelbox may write what is no text.
    /// </summary>
    /// <param name="lines">1 or more.</param>
    /// <param name="follow">Whether to go on with what a living one writes from then on, until it ends.</param>
    IAsyncEnumerable<byte[]> Read(int lines, bool follow, CancellationToken cancellationToken = default);
}

/// <summary>Limits of reading what a mandelbox has written.</summary>
public static class MandelboxLogs
{
    /// <summary>Lines, unless told otherwise.</summary>
    public const int UsualLines = 200;

    public const int MostLines = 5000;
}

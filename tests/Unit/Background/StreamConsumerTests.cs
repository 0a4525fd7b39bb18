using System.Runtime.CompilerServices;
using System.Threading.Channels;
using HostService.Silo.Background;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Background;

public sealed class StreamConsumerTests
{
    private readonly ManualClock _clock = new();
    private readonly RecordingLogger<StreamConsumerTests> _log = new();
    private readonly Channel<int> _heard = Channel.CreateUnbounded<int>();
    private int _tellings;

    [Fact]
    public async Task A_round_that_cannot_be_told_is_reported_and_the_next_one_is_heard()
    {
        using var end = new CancellationTokenSource();
        var following = FollowAsync(end, number =>
        {
            if (number == 1)
            {
                throw new InvalidOperationException("the grain did not answer");
            }

            _heard.Writer.TryWrite(number);
            return Task.CompletedTask;
        });

        Assert.Equal(2, await NextAsync());
        Assert.Single(
            _log.Lines, l => l.Contains("figures could not be read or reported: the grain did not answer", StringComparison.Ordinal));
        await end.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Telling_that_breaks_off_is_reported_and_begun_anew_until_it_is_cancelled()
    {
        using var end = new CancellationTokenSource();
        var following = FollowAsync(end, number =>
        {
            _heard.Writer.TryWrite(number);
            return Task.CompletedTask;
        });
        for (var round = 1; round <= 3; round++)
        {
            Assert.Equal(1, await NextAsync());
            Assert.Equal(2, await NextAsync());
            await _clock.TimerSetAsync(StreamConsumer.Pause).WaitAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(
                round, _log.Lines.Count(l => l.Contains("figures could not be read or reported: no such thing", StringComparison.Ordinal)));
            Assert.Equal(round, _tellings);
            _clock.Advance(StreamConsumer.Pause);
        }

        await end.CancelAsync();
        await following.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private Task FollowAsync(CancellationTokenSource end, Func<int, Task> hear) =>
        new StreamConsumer(_clock, _log).RunAsync("figures", TellAsync, hear, end.Token);

    private async IAsyncEnumerable<int> TellAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _tellings++;
        yield return 1;
        await Task.Yield();
        yield return 2;
        cancellationToken.ThrowIfCancellationRequested();
        throw new NotSupportedException("no such thing");
    }

    private Task<int> NextAsync() => _heard.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
}

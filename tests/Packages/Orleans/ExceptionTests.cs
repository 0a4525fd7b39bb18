namespace HostService.Tests.Packages.Orleans;

[GenerateSerializer]
public sealed class OddException(string message, int oddness) : Exception(message)
{
    [Id(0)] public int Oddness { get; } = oddness;
}

public interface IFailingGrain : IGrainWithStringKey
{
    Task Fail(string message);

    Task<int> FailLater(string message);

    ValueTask FailOddly(int oddness);

    Task FailWithCause();

    Task Cancel();

    Task<int> Fine();
}

public sealed class FailingGrain : Grain, IFailingGrain
{
    public Task Fail(string message) => throw new InvalidOperationException(message);

    public async Task<int> FailLater(string message)
    {
        await Task.Yield();
        throw new KeyNotFoundException(message);
    }

    public ValueTask FailOddly(int oddness) => throw new OddException("odd", oddness);

    public Task FailWithCause() => Task.FromException(new InvalidOperationException("outer", new NotSupportedException("inner")));

    public Task Cancel() => Task.FromException(new OperationCanceledException("given up"));

    public Task<int> Fine() => Task.FromResult(1);
}

public sealed class ExceptionTests(Cluster cluster) : IClassFixture<Cluster>
{
    private readonly IFailingGrain _grain = cluster.Grains.GetGrain<IFailingGrain>(Guid.NewGuid().ToString("N"));

    [Fact]
    public async Task A_failure_comes_back_with_its_type_and_message()
    {
        Assert.Equal("at once", (await Assert.ThrowsAsync<InvalidOperationException>(() => _grain.Fail("at once"))).Message);
        Assert.Equal("later", (await Assert.ThrowsAsync<KeyNotFoundException>(() => _grain.FailLater("later"))).Message);
    }

    [Fact]
    public async Task An_exception_of_ones_own_keeps_its_members() =>
        Assert.Equal(3, (await Assert.ThrowsAsync<OddException>(() => _grain.FailOddly(3).AsTask())).Oddness);

    [Fact]
    public async Task The_cause_comes_along()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(_grain.FailWithCause);
        Assert.Equal("inner", Assert.IsType<NotSupportedException>(exception.InnerException).Message);
    }

    [Fact]
    public async Task A_cancelled_call_is_a_cancelled_task()
    {
        var call = _grain.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.True(call.IsCanceled);
    }

    [Fact]
    public async Task The_grain_lives_on_after_a_failure()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => _grain.Fail("x"));
        Assert.Equal(1, await _grain.Fine());
    }
}

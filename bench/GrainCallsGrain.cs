namespace HostService.Bench;

/// <summary>Answers with what it was given.</summary>
public interface IEchoGrain : IGrainWithIntegerKey
{
    Task<int> Echo(int value);

    ValueTask<int> Value(int value);

    Task<EchoRecord> Pass(EchoRecord record);

    Task Nothing();

    Task Yields();
}

[GenerateSerializer, Immutable]
public sealed record EchoRecord([property: Id(0)] string Text, [property: Id(1)] int Number);

public sealed class EchoGrain : Grain, IEchoGrain
{
    private readonly EchoGrainAsObject _echo = new();

    public Task<int> Echo(int value) => _echo.Echo(value);

    public ValueTask<int> Value(int value) => _echo.Value(value);

    public Task<EchoRecord> Pass(EchoRecord record) => _echo.Pass(record);

    public Task Nothing() => _echo.Nothing();

    public async Task Yields() => await Task.Yield();
}

/// <summary>The same without a grain, to measure against.</summary>
internal sealed class EchoGrainAsObject
{
    public Task<int> Echo(int value) => Task.FromResult(value);

    public ValueTask<int> Value(int value) => new(value);

    public Task<EchoRecord> Pass(EchoRecord record) => Task.FromResult(record);

    public Task Nothing() => Task.CompletedTask;

    public async Task Yields() => await Task.Yield();
}

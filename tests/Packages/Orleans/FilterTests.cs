using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;

namespace HostService.Tests.Packages.Orleans;

public interface IFilteredGrain : IGrainWithStringKey
{
    Task<int> Twice(int number);

    Task<string> Context(string key);

    Task<string> PassOn(string key);

    Task Fail();
}

public sealed class FilteredGrain(Log log) : Grain, IFilteredGrain, IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        log.Write("grain before " + context.MethodName);
        await context.Invoke();
        log.Write("grain after " + context.MethodName);
        if (context.Result is 84)
            context.Result = 42;
    }

    public Task<int> Twice(int number) => Task.FromResult(number * 2);

    public Task<string> Context(string key) => Task.FromResult(RequestContext.Get(key) as string ?? "none");

    public async Task<string> PassOn(string key)
    {
        RequestContext.Set(key + "2", "set inside");
        return await GrainFactory.GetGrain<IFilteredGrain>("next").Context(key) + ", " + await GrainFactory.GetGrain<IFilteredGrain>("next").Context(key + "2");
    }

    public Task Fail() => throw new InvalidOperationException("filtered");
}

public sealed class Log
{
    private readonly ConcurrentQueue<string> _lines = new();

    public string[] Lines => [.. _lines];

    public void Write(string line) => _lines.Enqueue(line);
}

public sealed class LoggingFilter(Log log, string name) : IIncomingGrainCallFilter, IOutgoingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        if (context.InterfaceMethod.DeclaringType != typeof(IFilteredGrain))
        {
            await context.Invoke();
            return;
        }

        log.Write($"{name} in {context.InterfaceMethod.Name} of {context.ImplementationMethod.DeclaringType?.Name} {context.TargetId}");
        await context.Invoke();
        log.Write($"{name} out");
    }

    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        if (context.InterfaceMethod.DeclaringType != typeof(IFilteredGrain))
        {
            await context.Invoke();
            return;
        }

        log.Write($"{name} calls {context.InterfaceMethod.Name} of {context.TargetId}");
        await context.Invoke();
        log.Write($"{name} called: {context.Result}");
    }
}

public interface IFilteredTimerGrain : IGrainWithStringKey
{
    Task Start();
}

public sealed class FilteredTimerGrain(Log log) : Grain, IFilteredTimerGrain, IIncomingGrainCallFilter
{
    private IGrainTimer? _timer;

    public Task Invoke(IIncomingGrainCallContext context)
    {
        log.Write("grain " + context.MethodName);
        return context.Invoke();
    }

    public Task Start()
    {
        _timer = this.RegisterGrainTimer(
            () =>
            {
                log.Write("tick");
                _timer!.Dispose();
                throw new InvalidOperationException("tick");
            },
            TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        return Task.CompletedTask;
    }
}

public sealed class FilterTests
{
    [Fact]
    public async Task Filters_stand_around_a_call_in_order_the_grains_own_last()
    {
        var log = new Log();
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(log);
            silo.AddIncomingGrainCallFilter(new LoggingFilter(log, "one"));
            silo.AddIncomingGrainCallFilter(new LoggingFilter(log, "two"));
        });
        Assert.Equal(6, await cluster.Grains.GetGrain<IFilteredGrain>("a").Twice(3));
        Assert.Equal(
            [
                "one in Twice of FilteredGrain filtered/a", "two in Twice of FilteredGrain filtered/a", "grain before Twice", "grain after Twice", "two out",
                "one out",
            ],
            log.Lines);
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_filter_may_change_arguments_and_results()
    {
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(new Log());
            silo.AddIncomingGrainCallFilter(async context =>
            {
                if (context.InterfaceMethod.DeclaringType == typeof(IFilteredGrain) && context.Request.GetArgument(0) is 5)
                    context.Request.SetArgument(0, 50);
                await context.Invoke();
            });
        });
        Assert.Equal(100, await cluster.Grains.GetGrain<IFilteredGrain>("a").Twice(5));
        Assert.Equal(42, await cluster.Grains.GetGrain<IFilteredGrain>("a").Twice(42));
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_filter_may_answer_itself_or_refuse()
    {
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(new Log());
            silo.AddIncomingGrainCallFilter(context =>
            {
                if (context.MethodName == nameof(IFilteredGrain.Context))
                {
                    context.Result = "from the filter";
                    return Task.CompletedTask;
                }

                return context.MethodName == nameof(IFilteredGrain.Twice) ? throw new UnauthorizedAccessException("not you") : context.Invoke();
            });
        });
        Assert.Equal("from the filter", await cluster.Grains.GetGrain<IFilteredGrain>("a").Context("x"));
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => cluster.Grains.GetGrain<IFilteredGrain>("a").Twice(1));
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_failure_passes_through_the_filters_as_it_is()
    {
        var log = new Log();
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(new Log());
            silo.AddIncomingGrainCallFilter(async context =>
            {
                try
                {
                    await context.Invoke();
                }
                catch (InvalidOperationException exception)
                {
                    log.Write(exception.Message);
                    throw;
                }
            });
        });
        await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.Grains.GetGrain<IFilteredGrain>("a").Fail());
        Assert.Contains("filtered", log.Lines);
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_tick_of_a_timer_passes_the_filters_as_a_call_does()
    {
        var log = new Log();
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cluster = await Cluster.Start(silo =>
        {
            silo.Services.AddSingleton(log);
            silo.AddIncomingGrainCallFilter(async context =>
            {
                // A silo may have timers of its own.
                if (context.InterfaceName != "IGrainTimerInvoker" || context.Grain is not FilteredTimerGrain)
                {
                    await context.Invoke();
                    return;
                }

                log.Write($"silo {context.MethodName} {context.InterfaceType} {context.SourceId} {context.TargetId}");
                try
                {
                    await context.Invoke();
                }
                catch (InvalidOperationException exception)
                {
                    log.Write("failed: " + exception.Message);
                    failed.SetResult();
                    throw;
                }
            });
        });
        await cluster.Grains.GetGrain<IFilteredTimerGrain>("a").Start();
        await failed.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(
            ["silo InvokeCallbackAsync Orleans.Runtime.IGrainTimerInvoker filteredtimer/a filteredtimer/a", "grain InvokeCallbackAsync", "tick", "failed: tick"],
            log.Lines.Where(l => l != "grain Start"));
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_client_has_outgoing_filters_of_its_own_and_grains_have_the_silos()
    {
        var clientLog = new Log();
        var siloLog = new Log();
        var cluster = await Cluster.Start(
            silo =>
            {
                silo.Services.AddSingleton(new Log());
                silo.AddOutgoingGrainCallFilter(new LoggingFilter(siloLog, "silo"));
            },
            client => client.AddOutgoingGrainCallFilter(new LoggingFilter(clientLog, "client")));
        await cluster.Grains.GetGrain<IFilteredGrain>("a").PassOn("k");
        Assert.Equal(["client calls PassOn of filtered/a", "client called: none, set inside"], clientLog.Lines);
        Assert.Contains("silo calls Context of filtered/next", siloLog.Lines);
        Assert.DoesNotContain(siloLog.Lines, l => l.Contains("PassOn", StringComparison.Ordinal));
        await cluster.DisposeAsync();
    }

    [Fact]
    public async Task What_a_caller_says_travels_with_the_call_and_onwards_but_not_back()
    {
        var cluster = await Cluster.Start(silo => silo.Services.AddSingleton(new Log()));
        RequestContext.Set("k", "set outside");
        Assert.Equal("set outside", await cluster.Grains.GetGrain<IFilteredGrain>("a").Context("k"));
        Assert.Equal("set outside, set inside", await cluster.Grains.GetGrain<IFilteredGrain>("a").PassOn("k"));
        Assert.Null(RequestContext.Get("k2"));
        Assert.True(RequestContext.Remove("k"));
        Assert.Equal("none", await cluster.Grains.GetGrain<IFilteredGrain>("a").Context("k"));
        await cluster.DisposeAsync();
    }
}

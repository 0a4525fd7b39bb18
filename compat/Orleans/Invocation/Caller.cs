using System.Runtime.CompilerServices;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>Whoever waits for a call's answer. Answered once; later answers are dropped.</summary>
internal interface ICaller
{
    bool IsAnswered { get; }

    bool Answer(Response response);

    bool Fail(Exception exception);
}

/// <summary>The result of methods that have none.</summary>
internal readonly struct NoResult;

/// <summary>A caller that awaits a task.</summary>
internal sealed class Caller<TResult>() : TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously), ICaller
{
    public bool IsAnswered => Task.IsCompleted;

    public bool Answer(Response response)
    {
        try
        {
            return TrySetResult(typeof(TResult) == typeof(NoResult) ? default! : response.GetResult<TResult>()!);
        }
        catch (Exception exception)
        {
            return Fail(exception);
        }
    }

    public bool Fail(Exception exception)
    {
        if (exception is not OperationCanceledException)
            return TrySetException(exception);

        // The caller's task is to be cancelled and still throw this very exception; only an async method's builder makes such a task.
        var builder = AsyncTaskMethodBuilder<TResult>.Create();
        builder.SetException(exception);
        return TrySetFromTask(builder.Task);
    }
}

/// <summary>A caller behind outgoing filters, which want the whole response.</summary>
internal sealed class FilteredCaller() : TaskCompletionSource<Response>(TaskCreationOptions.RunContinuationsAsynchronously), ICaller
{
    public bool IsAnswered => Task.IsCompleted;

    public bool Answer(Response response) => TrySetResult(response);

    public bool Fail(Exception exception) => TrySetResult(Response.FromException(exception));
}

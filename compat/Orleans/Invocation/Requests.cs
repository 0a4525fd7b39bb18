using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call of a method that returns <see cref="ValueTask"/>.</summary>
[SerializerTransparent]
public abstract class Request : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => Responses.Of(static r => ((Request)r).InvokeInner().AsTask(), this);

    protected abstract ValueTask InvokeInner();

    internal sealed override void Run()
    {
        ValueTask call;
        try
        {
            call = InvokeInner();
        }
        catch (Exception exception)
        {
            EndWithFailure(exception);
            return;
        }

        EndWith(call.IsCompletedSuccessfully ? Task.CompletedTask : call.AsTask());
    }
}

/// <summary>A call of a method that returns <see cref="ValueTask{TResult}"/>.</summary>
[SerializerTransparent]
public abstract class Request<TResult> : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => Responses.Of<TResult>(static r => ((Request<TResult>)r).InvokeInner().AsTask(), this);

    protected abstract ValueTask<TResult> InvokeInner();

    internal sealed override void Run()
    {
        ValueTask<TResult> call;
        try
        {
            call = InvokeInner();
        }
        catch (Exception exception)
        {
            EndWithFailure(exception);
            return;
        }

        if (call.IsCompletedSuccessfully)
            EndWithResult(call.Result);
        else
            EndWith(call.AsTask());
    }

    internal sealed override void Conclude(Task task) => Succeed(Copier<TResult>.Copy(((Task<TResult>)task).GetAwaiter().GetResult()));
}

/// <summary>A call of a method that returns <see cref="Task"/>.</summary>
[SerializerTransparent]
public abstract class TaskRequest : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => Responses.Of(static r => ((TaskRequest)r).InvokeInner(), this);

    protected abstract Task InvokeInner();

    internal sealed override void Run()
    {
        Task call;
        try
        {
            call = InvokeInner() ?? throw new InvalidOperationException($"{GetMethodName()} returned no task.");
        }
        catch (Exception exception)
        {
            EndWithFailure(exception);
            return;
        }

        EndWith(call);
    }
}

/// <summary>A call of a method that returns <see cref="Task{TResult}"/>.</summary>
[SerializerTransparent]
public abstract class TaskRequest<TResult> : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => Responses.Of<TResult>(static r => ((TaskRequest<TResult>)r).InvokeInner(), this);

    protected abstract Task<TResult> InvokeInner();

    internal sealed override void Run()
    {
        Task<TResult> call;
        try
        {
            call = InvokeInner() ?? throw new InvalidOperationException($"{GetMethodName()} returned no task.");
        }
        catch (Exception exception)
        {
            EndWithFailure(exception);
            return;
        }

        EndWith(call);
    }

    internal sealed override void Conclude(Task task) => Succeed(Copier<TResult>.Copy(((Task<TResult>)task).GetAwaiter().GetResult()));
}

/// <summary>A call of a method that returns nothing: nobody waits for it.</summary>
[SerializerTransparent]
public abstract class VoidRequest : RequestBase
{
    protected VoidRequest()
    {
        Options = CodeGeneration.InvokeMethodOptions.OneWay;
    }

    public sealed override ValueTask<Response> Invoke()
    {
        try
        {
            InvokeInner();
            return new ValueTask<Response>(Response.Completed);
        }
        catch (Exception exception)
        {
            return new ValueTask<Response>(Response.FromException(exception));
        }
    }

    protected abstract void InvokeInner();

    internal sealed override void Run()
    {
        try
        {
            InvokeInner();
        }
        catch (Exception exception)
        {
            EndWithFailure(exception);
            return;
        }

        EndWith(Task.CompletedTask);
    }
}

/// <summary>Calls as filters want them: with everything that came of it in one object.</summary>
internal static class Responses
{
    public static async ValueTask<Response> Of(Func<RequestBase, Task> invoke, RequestBase request)
    {
        try
        {
            await invoke(request);
            return Response.Completed;
        }
        catch (Exception exception)
        {
            return Response.FromException(exception);
        }
    }

    public static async ValueTask<Response> Of<TResult>(Func<RequestBase, Task<TResult>> invoke, RequestBase request)
    {
        try
        {
            return Response.FromResult(await invoke(request));
        }
        catch (Exception exception)
        {
            return Response.FromException(exception);
        }
    }
}

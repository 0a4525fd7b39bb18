using Orleans.CodeGeneration;
using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call of a method that returns <see cref="ValueTask"/>.</summary>
[SerializerTransparent]
public abstract class Request : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => RequestRunner.Respond(static r => ((Request)r).InvokeInner().AsTask(), this);

    protected abstract ValueTask InvokeInner();

    internal sealed override void Run(Activation activation)
    {
        try
        {
            var call = InvokeInner();
            RequestRunner.Finish(this, activation, call.IsCompletedSuccessfully ? Task.CompletedTask : call.AsTask());
        }
        catch (Exception exception)
        {
            RequestRunner.Failed(this, activation, exception);
        }
    }
}

/// <summary>A call of a method that returns <see cref="ValueTask{TResult}"/>.</summary>
[SerializerTransparent]
public abstract class Request<TResult> : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => RequestRunner.Respond<TResult>(static r => ((Request<TResult>)r).InvokeInner().AsTask(), this);

    protected abstract ValueTask<TResult> InvokeInner();

    internal sealed override void Run(Activation activation)
    {
        try
        {
            var call = InvokeInner();
            if (call.IsCompletedSuccessfully)
                RequestRunner.Succeeded(this, activation, call.Result);
            else
                RequestRunner.Finish(this, activation, call.AsTask());
        }
        catch (Exception exception)
        {
            RequestRunner.Failed(this, activation, exception);
        }
    }
}

/// <summary>A call of a method that returns <see cref="Task"/>.</summary>
[SerializerTransparent]
public abstract class TaskRequest : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => RequestRunner.Respond(static r => ((TaskRequest)r).InvokeInner(), this);

    protected abstract Task InvokeInner();

    internal sealed override void Run(Activation activation)
    {
        try
        {
            RequestRunner.Finish(this, activation, InvokeInner());
        }
        catch (Exception exception)
        {
            RequestRunner.Failed(this, activation, exception);
        }
    }
}

/// <summary>A call of a method that returns <see cref="Task{TResult}"/>.</summary>
[SerializerTransparent]
public abstract class TaskRequest<TResult> : RequestBase
{
    public sealed override ValueTask<Response> Invoke() => RequestRunner.Respond<TResult>(static r => ((TaskRequest<TResult>)r).InvokeInner(), this);

    protected abstract Task<TResult> InvokeInner();

    internal sealed override void Run(Activation activation)
    {
        try
        {
            RequestRunner.Finish(this, activation, InvokeInner());
        }
        catch (Exception exception)
        {
            RequestRunner.Failed(this, activation, exception);
        }
    }
}

/// <summary>A call of a method that returns nothing: nobody waits for it.</summary>
[SerializerTransparent]
public abstract class VoidRequest : RequestBase
{
    protected VoidRequest()
    {
        Options = InvokeMethodOptions.OneWay;
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
}

/// <summary>Brings a running call to its end, whichever kind of task it returns.</summary>
internal static class RequestRunner
{
    public static void Finish(RequestBase request, Activation activation, Task task)
    {
        if (task.IsCompletedSuccessfully)
        {
            request.Succeed(default(NoResult));
            activation.Finished(request);
            return;
        }

        // Inline on whichever thread ends the task: for a grain method that is its last turn.
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() =>
        {
            try
            {
                task.GetAwaiter().GetResult();
                request.Succeed(default(NoResult));
            }
            catch (Exception exception)
            {
                request.Fail(activation, exception);
            }

            activation.Finished(request);
        });
    }

    public static void Finish<TResult>(RequestBase request, Activation activation, Task<TResult> task)
    {
        if (task.IsCompletedSuccessfully)
        {
            Succeeded(request, activation, task.Result);
            return;
        }

        FinishLater(request, activation, task);
    }

    public static void Succeeded<TResult>(RequestBase request, Activation activation, TResult result)
    {
        try
        {
            request.Succeed(Copier<TResult>.Copy(result));
        }
        catch (Exception exception)
        {
            request.Fail(activation, exception);
        }

        activation.Finished(request);
    }

    public static void Failed(RequestBase request, Activation activation, Exception exception)
    {
        request.Fail(activation, exception);
        activation.Finished(request);
    }

    public static ValueTask<Response> Respond(Func<RequestBase, Task> invoke, RequestBase request)
    {
        return Await(invoke, request);

        static async ValueTask<Response> Await(Func<RequestBase, Task> invoke, RequestBase request)
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
    }

    public static async ValueTask<Response> Respond<TResult>(Func<RequestBase, Task<TResult>> invoke, RequestBase request)
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

    private static void FinishLater<TResult>(RequestBase request, Activation activation, Task<TResult> task) =>
        task.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() =>
        {
            try
            {
                request.Succeed(Copier<TResult>.Copy(task.GetAwaiter().GetResult()));
            }
            catch (Exception exception)
            {
                request.Fail(activation, exception);
            }

            activation.Finished(request);
        });
}

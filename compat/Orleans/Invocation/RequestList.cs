namespace Orleans.Runtime;

/// <summary>Requests in order of arrival. Links are in the requests, so that taking one out of the middle is cheap and nothing is allocated.</summary>
internal sealed class RequestList
{
    public RequestBase? First { get; private set; }

    public int Count { get; private set; }

    private RequestBase? Last { get; set; }

    public void Add(RequestBase request)
    {
        request.List = this;
        request.Previous = Last;
        request.Next = null;
        if (Last is null)
            First = request;
        else
            Last.Next = request;
        Last = request;
        Count++;
    }

    public void Remove(RequestBase request)
    {
        if (request.Previous is null)
            First = request.Next;
        else
            request.Previous.Next = request.Next;
        if (request.Next is null)
            Last = request.Previous;
        else
            request.Next.Previous = request.Previous;
        request.List = null;
        request.Previous = null;
        request.Next = null;
        Count--;
    }
}
